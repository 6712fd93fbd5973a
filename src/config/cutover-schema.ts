import { z } from 'zod';
import { cutoverStates } from '../model/cutover.ts';

const text = z.string().min(1);
const seconds = (least: number, most = 31_536_000) => z.int().min(least).max(most);
const share = z.number().min(0).max(1);

/** An address with credentials would stand in logs of whatever is between here and there. */
function holdsNoCredentials(value: string): boolean {
  if (!URL.canParse(value)) return true;
  const { username, password } = new URL(value);
  return username === '' && password === '';
}

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
      .refine(holdsNoCredentials, 'the address holds credentials: run a command that reads them from a file')
      .optional()
      .describe('Address that what happened is posted to, as JSON; any 2xx answer is good.'),
    timeoutSeconds: seconds(1, 600).default(30).describe('It is ended, and has failed, after that.'),
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), 'a hook has either a command or a url')
  .meta({ id: 'hook', description: 'What is run when a state was entered and stored: `command` or `url`.' });

const role = text.max(63);

const freeze = z
  .strictObject({
    roles: z
      .array(role)
      .min(1)
      .describe(
        'Roles of the primary’s writers: they may not log in nor write while the primary is not the home. Their sessions are ended.',
      ),
    keep: z
      .array(role)
      .default([])
      .describe('Other roles that may write to those tables and are left alone, such as the one a farshore at the primary applies with.'),
    tables: z
      .array(text)
      .optional()
      .describe('Tables at the primary, `schema.table`; left out: those that `apply.tables` are filled from.'),
  })
  .meta({ description: 'How the primary’s writers are stopped, by `cutover.primaryDatabase`.' });

const firstHop = z
  .strictObject({
    unpublishedQuery: text
      .optional()
      .describe('Asked of the primary’s database: one number, the committed rows that are not published to Kafka yet.'),
    quietSeconds: seconds(1, 3_600)
      .default(30)
      .describe('Without that query: the logs must stand still for so long, and every row is compared before the region opens.'),
  })
  .meta({ description: 'How it is known that everything the primary committed is in its Kafka.' });

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
        required: z.boolean().default(true).describe('`false`: an operator answers for going without; the gate is open and says so.'),
      })
      .prefault({}),
    reversePath: z
      .strictObject({
        maxAgeSeconds: seconds(1).default(60).describe('Age of the last heartbeat that went round.'),
        required: z.boolean().default(true).describe('`false`: no way back is wanted; the gate is open and says so.'),
      })
      .prefault({}),
  })
  .meta({ description: 'Limits of the gates. What is not measured, or too old, keeps its gate shut.' });

/** `database` is the schema of any PostgreSQL address. */
export const cutover = <D extends z.ZodType>(database: D) =>
  z
    .strictObject({
      windowSeconds: seconds(1).default(900).describe('All gates must have held for that long, without a gap in measuring.'),
      evaluateSeconds: seconds(1, 60).default(5).describe('Time between two readings of the gates; three that are missed are a gap.'),
      activeGraceSeconds: seconds(0, 3_600)
        .default(60)
        .describe('How long `/cutover/active` keeps its last answer while the database cannot be read.'),
      holdFile: text
        .optional()
        .describe(
          'While this file exists, whatever is in it, `start` (also `--primary-lost`), `revert` and `complete` are refused; from the folder of the configuration. A move that is under way may fall back.',
        ),
      gates: gates.prefault({}),
      primaryDatabase: database
        .optional()
        .describe('The primary’s database as a role that may take and give back the rights of its writers.'),
      freeze: freeze.optional().describe('Left out: a cutover can be planned, and not started.'),
      firstHop: firstHop.prefault({}),
      stepSeconds: seconds(5, 3_600)
        .default(120)
        .describe('A step that has not come to its end by then has failed, and the cutover goes back.'),
      digestKeys: z
        .int()
        .min(1)
        .max(1_000_000)
        .default(10_000)
        .describe('Rows of a table, those written last on each side, that are compared before the region opens.'),
      hooks: z.array(hook).default([]).describe('What to run when a state was entered.'),
    })
    .meta({ description: 'When the region may become the home, by gates that held. An operator starts it; nothing else does.' });
