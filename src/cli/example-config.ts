/** What `farshore init` prints: a configuration that says which parts must be changed and why the others are there. */
export const exampleConfig = `# Farshore configuration. Every key: farshore config schema, docs/configuration.md.
# A value may be \${NAME}, \${NAME:-default} or \${file:/path}; every secret has a …File twin. Paths are relative to this file.

# The name of this region, and of the primary it copies. Part of transactional ids: do not change them later.
region: eu-west

primary:
  name: us-east
  kafka:
    brokers: ["10.0.0.1:9092"]
    # tls: { caFile: /etc/farshore/ca.pem }
    # sasl: { mechanism: scram-sha-512, username: farshore, passwordFile: /run/secrets/kafka }
  # Where the Avro schemas of the topics are: a registry with the Confluent API, or a folder of .avsc files.
  registry:
    url: "https://registry.us-east:8081"
    # directory: ./schemas
  # Written each second and seen coming back: tells idle from broken. enabled: false where nothing may be written there.
  heartbeat:
    topic: farshore.heartbeat
    intervalMs: 1000

regional:
  kafka:
    brokers: ["10.1.0.1:9092"]
  database:
    # A file with postgres://user:password@host:5432/database. A direct connection, no transaction pooler.
    urlFile: /run/secrets/regional-db

mirror:
  # A topic name, or the start of names with a trailing *.
  topics: ["billing.*"]
  exclude: ["billing.internal.*"]
  # What happens when retention at home overtakes the mirror. earliest goes on with what is left and counts what is lost.
  onTruncated: stop

apply:
  # validate changes no table; create makes the ones that are missing.
  schema: validate
  tables:
    - topic: billing.invoices
      table: public.invoices
      # Field that orders two states of a row. Left out: the order of the log.
      version: updated_at
      # key: [id]                          # left out: the primary key of the table
      # columns: { total: amount_total }   # column: field; left out: the same names
    # Nothing else is needed: the table is named after the last part of the topic.
    - topic: billing.accounts

limits:
  bufferBytes: 67108864

admin:
  # Health, metrics, API and status page. Other addresses than loopback need a token.
  listen: "127.0.0.1:8320"
  # tokenFile: /run/secrets/admin-token    # without it partitions cannot be paused and resumed

log:
  level: info
`;
