import { describe, expect, it } from 'vitest';
import { isTopicPattern, matchesTopics, reservedPatternReason } from '../../../src/model/topic-patterns.ts';

describe('topic patterns', () => {
  it('match a name literally or by its start', () => {
    expect(matchesTopics(['billing.*', 'plans'], [], 'billing.invoices')).toBe(true);
    expect(matchesTopics(['billing.*', 'plans'], [], 'plans')).toBe(true);
    expect(matchesTopics(['billing.*', 'plans'], [], 'plans2')).toBe(false);
    expect(matchesTopics(['a.b'], [], 'axb')).toBe(false);
  });

  it('give way to an exclusion', () => {
    expect(matchesTopics(['billing.*'], ['billing.internal.*'], 'billing.internal.x')).toBe(false);
    expect(matchesTopics(['billing.*'], ['billing.internal.*'], 'billing.internals')).toBe(true);
  });

  it('C23: never match reserved names, heartbeats of another cluster among them', () => {
    for (const topic of [
      'farshore.heartbeat',
      'farshore.heartbeat.ap-south',
      '__consumer_offsets',
      '__farshore.topics',
      'a.farshore.rejected',
    ]) {
      expect(matchesTopics(['*', topic], [], topic)).toBe(false);
    }
    expect(matchesTopics(['*'], [], 'farshores')).toBe(true);
  });

  it('are refused when they can match reserved names only', () => {
    expect(reservedPatternReason('farshore.*')).toContain('kept for Farshore');
    expect(reservedPatternReason('__*')).toContain('internal');
    expect(reservedPatternReason('f*')).toBeUndefined();
    expect(reservedPatternReason('*')).toBeUndefined();
  });

  it('have one star, at the end', () => {
    expect(['*', 'a*', 'a.b-c_d'].every(isTopicPattern)).toBe(true);
    expect(['', 'a*b', '*a', 'a**', 'ä', '.', 'a b'].some(isTopicPattern)).toBe(false);
  });
});
