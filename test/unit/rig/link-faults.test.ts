import { describe, expect, it } from 'vitest';
import { linkFaults, links, toxicsOf } from '../../faults/f5-plan.ts';
import { goComplaint } from '../../rig/toxiproxy-build.ts';

describe('faults of links', () => {
  const faults = Object.keys(toxicsOf);

  it('are all injected on every link in the full form', () => {
    const planned = linkFaults(true).map(({ link, fault }) => `${link} ${fault}`);
    expect(new Set(planned)).toEqual(new Set(links.flatMap((link) => faults.map((fault) => `${link} ${fault}`))));
    expect(planned).toHaveLength(links.length * faults.length);
  });

  it('are each injected once in the short form, and none of the links is spared', () => {
    const planned = linkFaults(false);
    expect(planned.map(({ fault }) => fault).sort()).toEqual([...faults].sort());
    expect(new Set(planned.map(({ link }) => link))).toEqual(new Set(links));
  });

  it('change the link, but for the one that takes it down', () => {
    expect(faults.filter((fault) => toxicsOf[fault as keyof typeof toxicsOf].length === 0)).toEqual(['down']);
  });
});

describe("Go's complaint", () => {
  it('is what it said last, without its progress', () => {
    expect(goComplaint('go: downloading a v1\ngo: a@v1: dial tcp: no route\ngo: downloading b v1\n')).toBe('go: a@v1: dial tcp: no route');
    expect(goComplaint('')).toBe('no message');
  });
});
