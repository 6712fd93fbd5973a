import { describe, expect, it } from 'vitest';
import { type Change, type History, type Step, World } from '../../simulation/positions/world.ts';

/** Histories that the simulation of positions found, as it shrank them; each was a fault once. */
const append = (partition: number, ...keys: readonly number[]): Change => ({ op: 'append', partition, keys });
const inTransaction = (partition: number, ...keys: readonly number[]): Change => ({ op: 'write_in_transaction', partition, keys });
const rewind = (partition: number): Change => ({
  ...{ op: 'resume', partition, from: 'earliest', acceptLoss: false, acceptRewind: true, acceptRecreated: false },
});
const step = (answer: Step['answer'], ...changes: readonly Change[]): Step => ({ changes, answer });
const history = (steps: readonly Step[], more: Partial<History> = {}): History => ({
  ...{ compacted: false, onTruncated: 'stop', onRecreated: 'stop', shownBy: 'both', steps, fates: [] },
  ...more,
});

async function played(one: History): Promise<ReadonlySet<string>> {
  const world = new World(one);
  await world.play();
  return world.happened;
}

describe('the mirror in histories that were faults once', () => {
  it('C6: a rewind of one partition does not accept that the topic was created again', async () => {
    const happened = await played(
      history([
        step('starved', append(1, 0)),
        step('whole'),
        step('starved', { op: 'zombie' }),
        step('whole', rewind(1)),
        step('whole', { op: 'recreate' }),
      ]),
    );
    expect(happened).toContain('source_recreated');
  });

  it('C6: a log that was seen to be cut stays stopped over a restart, when retention has taken what showed it', async () => {
    const happened = await played(
      history(
        [
          step('whole', inTransaction(1, 0), append(1, 0)),
          step('whole', inTransaction(1, 0, 0)),
          step('starved', { op: 'end_transaction', partition: 1, outcome: 'committed' }),
          step('whole', { op: 'cut', partition: 1, at: 0 }, append(1, 0, 0, 0, 0)),
          step('whole', append(1, 1)),
          step('starved', { op: 'compact', partition: 1 }),
          step('starved', { op: 'zombie' }),
          step('starved', { op: 'retention', partition: 1, batches: 1 }),
          step('whole'),
        ],
        { compacted: true },
      ),
    );
    expect(happened).toContain('source_diverged');
  });

  it('C6: a region that lost records stops its partition, also where mirror.onTruncated goes on from what home lost', async () => {
    const happened = await played(
      history(
        [
          step('whole', append(0, 0)),
          step('whole', append(0, 0)),
          step('starved', { op: 'cut_region', partition: 0, by: 1 }),
          step('whole', { op: 'retention', partition: 0, batches: 2 }, { op: 'cut_region', partition: 0, by: 1 }),
          step('whole'),
        ],
        { onTruncated: 'earliest' },
      ),
    );
    expect(happened).toContain('region_truncated');
  });

  it('C6: a log that was cut and refilled in longer batches is another one, also where the broker lost its epochs', async () => {
    const happened = await played(
      history([
        step('whole', append(0, 0)),
        step('whole', append(0, 0)),
        step('whole'),
        step('starved'),
        step('epochs_forgotten', { op: 'cut', partition: 0, at: 0 }, append(0, 0, 0)),
      ]),
    );
    expect(happened).toContain('source_diverged');
  });

  it('C11: a position that is gone stops its partition, also when nothing came since the generation rose', async () => {
    const happened = await played(
      history(
        [
          step('starved', append(0, 0)),
          step('starved', append(1, 0)),
          step('whole', rewind(0)),
          step('whole'),
          step('whole'),
          step('starved', { op: 'lose_position', partition: 1 }),
        ],
        { shownBy: 'log' },
      ),
    );
    expect(happened).toContain('position_missing');
  });

  it('C9: a rewind whose answer was lost is not undone by committing again what was known before it', async () => {
    const happened = await played(
      history(
        [
          step('starved', append(0, 0)),
          step('epochs_forgotten'),
          step('starved', { op: 'pause', partition: 0 }),
          step('whole', { op: 'lose_position', partition: 1 }),
          step('starved', rewind(0)),
          step('starved'),
        ],
        { fates: ['lost_pending', 'done', 'done', 'lost_done'] },
      ),
    );
    expect(happened).toContain('paused');
  });

  it.each([true, false])('C9: old positions that a group answers for good are not gone on from (daemon killed: %s)', async (crashes) => {
    const happened = await played(
      history([
        step('whole', append(0, 0)),
        step('whole', append(0, 0), append(1, 0)),
        step('whole'),
        step('whole', { op: 'old_answers', read: 2, step: 0, crashes }),
        step('whole', append(0, 0)),
        step('whole'),
      ]),
    );
    expect(happened).toContain('position_old');
    // Who was killed knows no more, and stops after a minute; who lived goes on by what it knows and the log confirms.
    expect(happened.has('position_missing')).toBe(crashes);
  });

  it('C6: a log that was cut below the position, and began to be refilled by an open transaction, is another one, also where the broker lost its epochs', async () => {
    const happened = await played(
      history([
        step('whole', append(1, 0)),
        step('whole', append(1, 0)),
        step('whole'),
        step('epochs_forgotten'),
        step('epochs_forgotten'),
        step('whole', { op: 'cut', partition: 1, at: 0 }),
        step('whole', inTransaction(1, 0)),
        step('whole'),
      ]),
    );
    expect(happened).toContain('source_diverged');
  });

  it('C6: a region that lost its last records is found out, also where the marker of a transaction that was left open took their place', async () => {
    const happened = await played(
      history(
        [
          step('starved', append(1, 0), append(1, 0)),
          step('whole', append(0, 0)),
          step('whole'),
          step('whole', append(1, 0)),
          step('whole', { op: 'cut_region', partition: 1, by: 3 }),
          step('whole'),
          step('whole'),
        ],
        { fates: ['done', 'done', 'done', 'lost_pending'] },
      ),
    );
    expect(happened).toContain('region_truncated');
  });

  const pause = (partition: number): Change => ({ op: 'pause', partition });

  it('C6: a region that lost its last records is gone on in by no resume that does not say from where', async () => {
    const resume: Change = { op: 'resume', partition: 0, from: 'earliest', acceptLoss: false, acceptRewind: false, acceptRecreated: true };
    const steps = [
      ...[append(0, 0), append(0, 0), append(0, 0)].map((change) => step('whole', change)),
      step('one_batch', append(0, 0)),
      step('whole'),
      step('starved'),
      step('whole', { op: 'cut_region', partition: 0, by: 4 }),
      step('whole'),
      step('starved', resume),
      step('whole'),
    ];
    const happened = await played(history(steps, { fates: ['done', 'lost_done', 'done', 'lost_pending'] }));
    expect(happened).toContain('region_truncated');
    expect(happened).not.toContain('resumed');
  });

  it('an operator’s pause outlasts a restart, also when the topic was created again meanwhile', async () => {
    const recreated = [
      step('whole', append(1, 0)),
      step('whole', pause(1)),
      step('whole', { op: 'crash' }),
      step('whole', { op: 'recreate' }),
    ];
    for (const onRecreated of ['stop', 'restart'] as const)
      expect(await played(history([...recreated, step('whole', append(1, 0)), step('whole'), step('whole')], { onRecreated }))).toContain(
        'paused',
      );
  });

  it('a daemon that lost its lease writes no stop over the pause that an operator asked its successor for', async () => {
    const happened = await played(
      history([
        step('whole', pause(1), append(1, 0)),
        step('whole', { op: 'zombie' }),
        step('whole'),
        step('whole', { op: 'recreate' }),
        step('whole'),
      ]),
    );
    expect(happened).toContain('paused');
  });

  it('C6: a resume of a pause does not accept that the topic was created again', async () => {
    const happened = await played(
      history([
        step('whole', { op: 'recreate' }),
        step('whole', { op: 'crash' }),
        step('starved', pause(0)),
        step('starved', append(0, 0)),
        step('starved', { ...rewind(0), from: 'inside', acceptLoss: true, acceptRewind: false } as Change),
        step('whole'),
        step('whole'),
      ]),
    );
    expect(happened).toContain('source_recreated');
  });

  it('C9, C6: an old answer of a group that names the topic before is not committed again for a partition that rests in a region that lost records', async () => {
    await played(
      history(
        [
          step(
            'whole',
            { op: 'resume', partition: 0, from: 'earliest', acceptLoss: false, acceptRewind: false, acceptRecreated: true },
            { op: 'recreate' },
          ),
          step('whole', append(0, 0)),
          step('whole'),
          step('starved', { op: 'cut_region', partition: 0, by: 2 }),
          step('whole'),
          step('whole'),
          step('whole', { op: 'old_answers', read: 0, step: 1, crashes: true, isOpen: false }),
        ],
        { isShared: true },
      ),
    );
  });

  it('C9, C6: what a group answers of before a rewind is not committed again for a partition that the region lost records of', async () => {
    const happened = await played(
      history(
        [
          step('whole', append(0, 0)),
          step('starved'),
          step('whole', { op: 'cut_region', partition: 0, by: 1 }),
          step('whole', rewind(0)),
          step('whole', { op: 'old_answers', read: 0, step: 4, crashes: false, isOpen: false }),
          step('starved', { op: 'zombie' }),
          step('whole'),
          step('starved'),
          step('whole'),
        ],
        { isShared: true },
      ),
    );
    expect(happened).toContain('region_truncated');
  });

  it('C9: what a group answers of a topic that was created again twice since is not committed again for a partition that is paused', async () => {
    await played(
      history(
        [
          step('whole', { op: 'recreate' }, append(1, 0)),
          step('starved', { op: 'pause', partition: 1 }),
          step('whole', { op: 'old_answers', read: 0, step: 1, crashes: true, isOpen: false }, { op: 'recreate' }),
          step('starved'),
          step('whole'),
          step('whole'),
        ],
        { onRecreated: 'restart', isShared: true },
      ),
    );
  });
});
