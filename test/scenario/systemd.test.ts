import { describe, expect, it } from 'vitest';
import { createTopic, eventually, freshDatabase, sharedRig, uniqueTopic } from '../rig/context.ts';
import { NotifySocket } from '../rig/notify-socket.ts';
import { freePorts } from '../rig/ports.ts';
import { onPath } from '../rig/tools.ts';
import { TestDaemon } from './daemon.ts';

const usable = (await onPath('systemd-notify')) !== undefined && (await onPath('perl')) !== undefined;

describe.skipIf(!usable)('a daemon under Type=notify (needs systemd-notify and perl)', () => {
  const { primary, regional } = sharedRig();
  const env = (socket: NotifySocket) => ({ NOTIFY_SOCKET: socket.path, WATCHDOG_USEC: '1500000' });

  it('says that it is ready, lives, reloads and stops', async () => {
    await using socket = await NotifySocket.open();
    const topic = uniqueTopic('notify');
    await createTopic(primary, { topic });
    await using daemon = await TestDaemon.create({
      primary,
      regional,
      database: await freshDatabase(),
      region: topic.replaceAll('.', '-'),
      topics: [topic],
    });
    await daemon.launch(env(socket));
    await eventually(() => socket.count('READY=1') === 1, { deadlineMs: 60_000, what: 'READY' });
    expect((await fetch(`${daemon.url}/startupz`)).status).toBe(200);
    await eventually(() => socket.count('WATCHDOG=1') >= 4, { deadlineMs: 60_000, what: 'beats of the watchdog' });
    await eventually(() => socket.count('STATUS=active, 1 partitions, lag') > 0, { deadlineMs: 60_000, what: 'the status line' });

    daemon.signal('SIGHUP');
    await eventually(() => socket.count('READY=1') === 2, { deadlineMs: 30_000, what: 'READY after the reload' });
    expect(await daemon.log()).toContain('the configuration was read again');
    const reloading = socket.messages.findIndex(([first]) => first === 'RELOADING=1');
    const ready = socket.messages.findLastIndex(([first]) => first === 'READY=1');
    expect(socket.messages[reloading]?.[1]).toMatch(/^MONOTONIC_USEC=\d+$/);
    expect(reloading).toBeLessThan(ready);

    expect((await daemon.stop()).code).toBe(0);
    expect(socket.messages.at(-1)?.[0]).toBe('STOPPING=1');
    expect(socket.count('STOPPING=1')).toBe(1);
  });

  it('asks for time while its database is down, and is not ready', async () => {
    await using socket = await NotifySocket.open();
    const [closed] = await freePorts(1);
    await using daemon = await TestDaemon.create({
      primary,
      regional,
      database: `postgres://nobody@127.0.0.1:${closed}/none`,
      region: 'notify-waits',
      topics: ['none'],
    });
    await daemon.launch(env(socket));
    await eventually(() => socket.count('EXTEND_TIMEOUT_USEC=3000000') >= 3, { deadlineMs: 60_000, what: 'asking for more time' });
    expect(socket.count('STATUS=starting, regional_database down')).toBeGreaterThan(0);
    expect(socket.count('READY=1') + socket.count('WATCHDOG=1')).toBe(0);
    expect((await daemon.stop()).code).toBe(0);
    expect(socket.messages.at(-1)?.[0]).toBe('STOPPING=1');
  });
});
