import { configJsonSchema } from '../../src/config/schema.ts';

interface ObjectSchema {
  readonly properties: Readonly<Record<string, object>>;
  readonly required: readonly string[];
  readonly $defs?: object;
}

const map = { type: 'object' } as const;
const list = { type: 'array', items: { type: 'object' } } as const;
const text = { type: 'string' } as const;
const toggle = (more: Readonly<Record<string, object>>): object => ({
  type: 'object',
  additionalProperties: false,
  required: ['enabled'],
  properties: { enabled: { type: 'boolean' }, ...more },
});

/** The chart's values.schema.json. Its `config` is Farshore's own schema, so that Helm refuses what the daemon would refuse. */
export function valuesSchemaFile(): string {
  const { properties, required, $defs } = configJsonSchema() as unknown as ObjectSchema;
  const { admin: _admin, ...known } = properties;
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title:
      'Values of the Farshore chart. Made by scripts/generate-deploy.ts from scripts/deploy/chart-values.ts; edit that, not this file.',
    type: 'object',
    additionalProperties: false,
    required: ['config', 'image', 'replicas'],
    properties: {
      global: map,
      replicas: { type: 'integer', minimum: 1, maximum: 3 },
      image: {
        type: 'object',
        additionalProperties: false,
        required: ['repository'],
        properties: { repository: { type: 'string', minLength: 1 }, tag: text, pullPolicy: { enum: ['Always', 'IfNotPresent', 'Never'] } },
      },
      imagePullSecrets: list,
      config: { type: 'object', additionalProperties: false, required: required.filter((key) => key !== 'admin'), properties: known },
      secretName: text,
      tokenKey: text,
      resources: map,
      terminationGracePeriodSeconds: { type: 'integer', minimum: 10 },
      podAnnotations: map,
      podLabels: map,
      nodeSelector: map,
      tolerations: list,
      affinity: map,
      topologySpreadConstraints: list,
      serviceAccount: { type: 'object', additionalProperties: false, properties: { annotations: map } },
      podDisruptionBudget: toggle({}),
      serviceMonitor: toggle({ interval: { type: 'string', pattern: '^[0-9]+(ms|s|m)$' }, labels: map }),
      prometheusRule: toggle({ labels: map, runbooksUrl: { type: 'string', pattern: '^(https?://.+)?$' } }),
      networkPolicy: toggle({ from: list, egress: list }),
    },
    ...($defs === undefined ? {} : { $defs }),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}
