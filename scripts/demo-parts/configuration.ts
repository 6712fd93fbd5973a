export interface DemoPlaces {
  readonly primaryBrokers: string;
  readonly regionalBrokers: string;
  readonly primaryDatabaseUrl: string;
  readonly regionDatabaseUrl: string;
  readonly adminPort: number;
  readonly tokenFile: string;
  readonly schemas: string;
  /** Sections of their own, or nothing. */
  readonly more: string;
}

/** The configuration the demo shows and the daemon runs from: what a real one looks like, with local addresses. */
export const demoConfiguration = (places: DemoPlaces): string => `region: eu-west
primary:
  name: us-east
  kafka: { brokers: ["${places.primaryBrokers}"] }
  registry: { directory: ${JSON.stringify(places.schemas)} }
  heartbeat: { topic: farshore.heartbeat, intervalMs: 1000 }
  database: { url: "${places.primaryDatabaseUrl}" }
regional:
  kafka: { brokers: ["${places.regionalBrokers}"] }
  database: { url: "${places.regionDatabaseUrl}" }
mirror:
  topics: ["billing.*"]
apply:
  schema: validate
  tables:
    - { topic: billing.accounts, version: updated_at }
    - { topic: billing.plans, version: updated_at }
    - { topic: billing.subscriptions, version: updated_at }
    - { topic: billing.invoices, version: updated_at }
${places.more}admin: { listen: "127.0.0.1:${places.adminPort}", tokenFile: ${JSON.stringify(places.tokenFile)} }
log: { level: info }
`;
