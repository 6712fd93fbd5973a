import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/daemon/log.ts';
import { Observer } from '../../../src/daemon/observer.ts';
import { Metrics } from '../../../src/metrics/metrics.ts';
import { TestClock } from '../lag/test-clock.ts';

function observed() {
  const metrics = new Metrics({ region: undefined, runtime: false });
  const observer = new Observer(metrics, createLogger({ level: 'silent', region: 'eu-west', version: '0' }), new TestClock());
  for (const component of ['regional_kafka', 'primary_kafka', 'registry', 'regional_database'] as const)
    observer.observe({ type: 'component', component, up: false, reason: 'gone' });
  const down = async () =>
    [...(await metrics.render()).body.matchAll(/farshore_component_up\{component="(\w+)"\} 0/g)].map(([, name]) => name);
  return { observer, down };
}

describe('what the daemon was connected to', () => {
  it('is not told as down for good once a daemon that was active stands by', async () => {
    const { observer, down } = observed();
    const active = observer.connecting();
    expect(await down()).toContain('regional_kafka');
    active.left();
    // Which the standby asks itself.
    expect(await down()).toEqual(['regional_database']);
    expect([...observer.components.keys()]).toEqual(['regional_database']);
  });

  it('is kept while a shard is worked on, and leaves once', async () => {
    const { observer, down } = observed();
    const [active, shard] = [observer.connecting(), observer.connecting()];
    active.left();
    active.left();
    expect(await down()).toContain('regional_kafka');
    shard.left();
    expect(await down()).toEqual(['regional_database']);
  });
});
