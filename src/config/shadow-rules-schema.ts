import { z } from 'zod';
import { parsePathPattern } from '../shadow/paths.ts';
import { replacementOf } from '../shadow/replacement.ts';
import { parseRoute } from '../shadow/routes.ts';

/** The keys of `shadow.compare`: what makes two answers equal, and when a difference counts. */

const text = z.string().min(1);

const judged = (problem: (value: string) => string | undefined, suggestion: string) =>
  text.superRefine((value, context) => {
    const message = value === '' ? undefined : problem(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message, params: { suggestion } });
  });

const route = judged(
  (value) => (parseRoute(value) === undefined ? 'this is no route' : undefined),
  'such as GET /users/{id}: a method, a space and a path, where {name} is one segment',
);

const path = judged(
  (value) => (parsePathPattern(value) === undefined ? 'this is no path of a value' : undefined),
  'such as items[].price, **.updatedAt, header.cache-control, status or body; a key with dots is written ["a.b"]',
);

const headerName = judged(
  (value) => (/^[!#$%&'*+\-.^_`|~0-9a-z]{1,128}$/.test(value) ? undefined : 'this is no name of a header in lower case'),
  'such as content-type',
);

const replace = z
  .strictObject({
    pattern: text.describe('Regular expression, without references and lookaround. Texts longer than it may cost on are left as they are.'),
    with: z.string().describe('What stands instead; $1 is the first group.'),
  })
  .superRefine((value, context) => {
    const judgement = replacementOf(value.pattern, value.with);
    if (typeof judgement !== 'string') return;
    context.addIssue({ code: 'custom', path: ['pattern'], message: judgement, params: { suggestion: 'such as [0-9a-f]{8}' } });
  });

const rule = z
  .strictObject({
    route: route.optional().describe('Only answers of this one of `routes`; left out: all.'),
    path: path.describe(
      'Where: `items[].price`, `**.updatedAt`, `header.cache-control`, `status`, `body`. `*` is any key, `**` any way down.',
    ),
    ignore: z.boolean().default(false).describe('What stands there is not compared.'),
    round: z.int().min(0).max(100).optional().describe('Numbers are rounded to so many digits after the point.'),
    withinSeconds: z
      .number()
      .min(0)
      .max(31_536_000)
      .optional()
      .describe('Times this far apart are equal: ISO 8601, or seconds or milliseconds since 1970.'),
    lowerCase: z.boolean().default(false).describe('Capitals do not matter.'),
    unordered: z.boolean().default(false).describe('The order of an array does not matter; its elements are matched by content.'),
    unorderedBy: text.optional().describe('The order of an array does not matter; its elements are matched by this field.'),
    replace: replace.optional().describe('What a text is changed to before it is compared.'),
  })
  .meta({ id: 'shadowRule', description: 'What makes values at one place equal.' });

const confirm = z
  .strictObject({
    waitsSeconds: z
      .array(z.number().min(0).max(600))
      .max(8)
      .default([1, 5])
      .describe('Waits before a difference is asked again; the 99th percentile of the lag is one more.'),
    longestSeconds: z.number().min(0).max(3_600).default(60).describe('Longest such wait.'),
    publishAllowanceSeconds: z
      .number()
      .min(0)
      .max(600)
      .default(1)
      .describe('Time from a commit at the primary until its records are in Kafka: the region cannot have passed what is not there yet.'),
    times: z
      .int()
      .min(1)
      .max(5)
      .default(2)
      .describe(
        'How often a difference must be seen between two equal answers of the primary. A value that goes and comes back could be taken for one that is wrong once.',
      ),
    waiting: z
      .int()
      .min(1)
      .max(10_000)
      .default(256)
      .describe('Most differences that wait to be asked again; what comes above it is unsettled.'),
  })
  .meta({ description: 'When a difference is a mismatch: primary, region once it has passed the primary’s ends, primary again.' });

const noise = z
  .strictObject({
    minSamples: z
      .int()
      .min(1)
      .max(100_000)
      .default(50)
      .describe('Requests of a route that the primary was asked twice before any place of it counts as noise.'),
    relative: z.number().min(0).max(1).default(0.2).describe('A place counts when |raw − noise| / (raw + noise) is above this.'),
    absolute: z.number().min(0).max(1).default(0.0003).describe('And raw − noise is above this.'),
  })
  .meta({ description: 'Places that differ between two answers of the primary itself.' });

const samples = z
  .strictObject({
    keep: z
      .boolean()
      .default(false)
      .describe('Whether one example of each difference is kept with its values; off: path, kind and counts only.'),
    redact: z.array(path).default([]).describe('Values that are kept as a mark only.'),
    hmac: z
      .array(path)
      .default([])
      .describe('Values that are kept as a keyed digest: equal ones can be told, with a key that ends with the daemon.'),
    maxBytes: z.int().min(64).max(65_536).default(1_024).describe('Longest value that is kept of each side.'),
  })
  .meta({ description: 'Values of answers are data of the company.' });

export const shadowCompareSchema = z
  .strictObject({
    routes: z
      .array(route)
      .max(500)
      .default([])
      .describe('Requests that are counted together: `GET /users/{id}`. The first named segment decides between two that fit.'),
    otherRoutes: z
      .int()
      .min(0)
      .max(500)
      .default(50)
      .describe('Most groups of paths that no route fits, ids left out; the rest is counted as `other`.'),
    headers: z.array(headerName).default(['content-type', 'location']).describe('Headers that are compared beside status and body.'),
    rules: z.array(rule).max(1_000).default([]).describe('What makes values equal. A later rule says more than an earlier one.'),
    confirm: confirm.prefault({}),
    noise: noise.prefault({}),
    samples: samples.prefault({}),
    windowHours: z.int().min(1).max(168).default(24).describe('Hours that the match ratio looks back.'),
    retentionDays: z.int().min(1).max(3_650).default(14).describe('How long counts and differences are kept.'),
  })
  .superRefine(({ routes, rules }, context) => {
    for (const [index, { route: named }] of rules.entries()) {
      if (named === undefined || routes.includes(named)) continue;
      context.addIssue({
        code: 'custom',
        path: ['rules', index, 'route'],
        message: `${named} is none of shadow.compare.routes: the rule would never be used`,
        params: { suggestion: 'add it there' },
      });
    }
  })
  .meta({ description: 'What makes two answers equal, and when a difference counts.' });
