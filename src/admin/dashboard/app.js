// Shows /api/status every two seconds. Everything from the daemon is set as text, never as markup.
const POLL_MS = 2000;
const ANSWER_LIMIT_MS = 5000;

const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className !== undefined) node.className = className;
  return node;
}

const seconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} s`;

/** Unknown is not zero: what was not measured is called so. */
function lagCell(lag) {
  if (lag === null) return element('td', 'not applied', 'unknown');
  const parts = [];
  if (lag.seconds !== null) parts.push(seconds(lag.seconds));
  if (lag.records !== null) parts.push(`${lag.records} records`);
  if (!lag.known) parts.push('unknown');
  return element('td', parts.join(', '), lag.known ? undefined : 'unknown');
}

function stageCell(stage) {
  if (stage === null) return element('td', '–', 'unknown');
  return element('td', stage.state, stage.state === 'running' ? 'good' : stage.state === 'stopped' ? 'bad' : undefined);
}

function showDaemon(status) {
  byId('region').textContent = status.region;
  document.title = `Farshore ${status.region}`;
  const { heartbeat, counters } = status;
  const facts = [
    ['Role', status.role],
    ['Primary', status.primary],
    ['Version', status.version],
    ['Started', status.startedAt],
    ['Heartbeat', heartbeat.latencySeconds === null ? 'none came back yet' : `took ${seconds(heartbeat.latencySeconds)}`],
    ['Newest heartbeat', heartbeat.ageSeconds === null ? 'unknown' : `${seconds(heartbeat.ageSeconds)} old`],
    ['Mirrored records', counters.mirroredRecords],
    ['Applied records', counters.appliedRecords],
  ];
  byId('daemon').replaceChildren(...facts.flatMap(([name, value]) => [element('dt', name), element('dd', value)]));
}

function showComponents({ components }) {
  const lines = components.map(({ component, up, reason }) => {
    const text = `${component.replaceAll('_', ' ')}: ${up ? 'up' : 'down'}${reason === null ? '' : ` (${reason})`}`;
    return element('li', text, up ? 'good' : 'bad');
  });
  byId('components').replaceChildren(...(lines.length === 0 ? [element('li', 'not known yet', 'unknown')] : lines));
}

function showStops({ partitions, tables }) {
  const stops = [];
  for (const { topic, partition, mirror, apply } of partitions) {
    for (const [stage, state] of [
      ['mirror', mirror],
      ['apply', apply],
    ]) {
      if (state === null || (state.state !== 'stopped' && state.state !== 'paused')) continue;
      const line = element('li', `${topic}:${partition} ${stage} ${state.state}: ${state.message ?? ''} `);
      if (state.hint !== null) line.append(element('code', state.hint));
      stops.push(line);
    }
  }
  for (const { table, state, reason } of tables) {
    if (state === 'stopped') stops.push(element('li', `table ${table} stopped: ${reason ?? ''}`));
  }
  byId('stops-section').hidden = stops.length === 0;
  byId('stops').replaceChildren(...stops);
}

function showLag({ partitions, role }) {
  const rows = partitions.map(({ topic, partition, mirror, apply, lag }) => {
    const row = element('tr');
    const name = element('th', `${topic}:${partition}`);
    name.scope = 'row';
    row.append(name, stageCell(mirror), stageCell(apply), lagCell(lag.mirror), lagCell(lag.apply), lagCell(lag.total));
    return row;
  });
  if (rows.length === 0) {
    const cell = element(
      'td',
      role === 'standby' ? 'This daemon stands by: the active one shows the lag.' : 'No partitions yet.',
      'unknown',
    );
    cell.colSpan = 6;
    const row = element('tr');
    row.append(cell);
    rows.push(row);
  }
  byId('lag').replaceChildren(...rows);
}

let answeredAt;

function showFreshness(problem) {
  const line = byId('freshness');
  line.classList.toggle('stale', problem !== undefined);
  if (problem === undefined) line.textContent = `As of ${new Date(answeredAt).toLocaleTimeString()}`;
  else if (answeredAt === undefined) line.textContent = `No answer: ${problem}`;
  else line.textContent = `No answer since ${new Date(answeredAt).toLocaleTimeString()}; what is shown is old. ${problem}`;
}

async function poll() {
  try {
    const answer = await fetch('/api/status', { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const status = await answer.json();
    answeredAt = Date.now();
    showDaemon(status);
    showComponents(status);
    showStops(status);
    showLag(status);
    showFreshness();
  } catch (error) {
    showFreshness(error.message);
  }
  setTimeout(poll, POLL_MS);
}

await poll();
