import { z } from 'zod';
import { cutoverStates } from '../model/cutover.ts';

const text = z.string().min(1);
const seconds = (least: number, most = 31_536_000) => z.int().min(least).max(most);
const share = z.number().min(0).max(1);

const hook = z
  .strictObject({
    on: z.enum(cutoverStates).describe('The state that is entered.'),
    command: z
      .array(text)
      .min(1)
      .optional()
      .describe('Program and arguments, run without a shell; what happened is in `FARSHORE_*` variables.'),
    url: text
      .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), 'this is no http:// or https:// address')
      .optional()
      .describe('Address that what happened is posted to, as JSON; any 2xx answer is good.'),
    timeoutSeconds: seconds(1, 600).default(30).describe('It is ended, and has failed, after that.'),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), 'a hook has either a command or a url')
  .meta({ id: 'hook', description: 'What is run when a state was entered and stored: `command` or `url`.' });

const gates = z
  .strictObject({
    staleSeconds: seconds(1, 3_600).default(30).describe('A measurement that is older counts as missing.'),
    lag: z
      .strictObject({ maxSeconds: seconds(1).default(5).describe('Most seconds that any partition is behind, end to end.') })
      .prefault({}),
    heartbeat: z
      .strictObject({ maxAgeSeconds: seconds(1).default(10).describe('Age of the newest heartbeat that came back.') })
      .prefault({}),
    fullAudit: z
      .strictObject({
        maxAgeSeconds: seconds(90).default(150).describe('Whether deletes may have been missed was looked at that recently.'),
      })
      .prefault({}),
    schema: z
      .strictObject({ maxAgeSeconds: seconds(60).default(300).describe('Schemas and tables were compared that recently.') })
      .prefault({}),
    rejected: z.strictObject({ max: z.int().min(0).default(0).describe('Rejected records that may be kept.') }).prefault({}),
    parked: z.strictObject({ max: z.int().min(0).default(0).describe('Records that may wait for another row.') }).prefault({}),
    divergence: z
      .strictObject({
        maxRows: z.int().min(0).default(0).describe('Rows that may differ, confirmed and not resolved.'),
        minCoverage: share.default(1).describe('Part of each table that the audit has compared.'),
        maxAgeSeconds: seconds(1).default(86_400).describe('Age of the oldest of what it compared.'),
      })
      .prefault({}),
    shadow: z
      .strictObject({
        minScore: share.default(0.999).describe('Lower bound of the share of answers that match.'),
        minSamples: z.int().min(1).default(10_000).describe('Comparisons that settled.'),
      })
      .prefault({}),
    reversePath: z
      .strictObject({ maxAgeSeconds: seconds(1).default(60).describe('Age of the last heartbeat that went round.') })
      .prefault({}),
  })
  .meta({ description: 'Limits of the gates. What is not measured, or too old, keeps its gate shut.' });

export const cutover = z
  .strictObject({
    windowSeconds: seconds(1).default(900).describe('All gates must have held for that long, without a gap in measuring.'),
    evaluateSeconds: seconds(1, 60).default(5).describe('Time between two readings of the gates; three that are missed are a gap.'),
    activeGraceSeconds: seconds(0, 3_600)
      .default(60)
      .describe('How long `/cutover/active` keeps its last answer while the database cannot be read.'),
    holdFile: text
      .optional()
      .describe('A file that holds the cutover while it exists, whatever is in it; from the folder of the configuration.'),
    gates: gates.prefault({}),
    hooks: z.array(hook).default([]).describe('What to run when a state was entered.'),
  })
  .meta({ description: 'When the region may become the home, by gates that held. An operator starts it; nothing else does.' });
