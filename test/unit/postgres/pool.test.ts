import { describe, expect, it } from 'vitest';
import { ConnectionPool, type Pooled } from '../../../src/postgres/pool.ts';

const never = new AbortController().signal;

class FakeConnection implements Pooled {
  broken = false;
  closed = false;
  async close(): Promise<void> {
    this.closed = true;
  }
}

function poolOf(size: number) {
  const opened: FakeConnection[] = [];
  const pool = new ConnectionPool(async () => {
    const connection = new FakeConnection();
    opened.push(connection);
    return connection;
  }, size);
  /** A caller that holds its connection until `finish`. */
  const hold = () => {
    const { promise, resolve: finish } = Promise.withResolvers<void>();
    const done = pool.use(async () => await promise, never);
    return { finish, done };
  };
  return { pool, opened, hold };
}

describe('ConnectionPool', () => {
  it('opens a connection when it is first needed and lends it again', async () => {
    const { pool, opened } = poolOf(2);
    expect(opened).toHaveLength(0);
    const lent = [await pool.use(async (connection) => connection, never), await pool.use(async (connection) => connection, never)];
    expect(lent).toEqual([opened[0], opened[0]]);
  });

  it('never lends one that broke while it was idle', async () => {
    const { pool, opened } = poolOf(1);
    await pool.use(async () => undefined, never);
    opened[0]!.broken = true;
    expect(await pool.use(async (connection) => connection, never)).toBe(opened[1]);
  });

  it('uses a connection that was lent during a refresh no more: one that is never idle would keep the old login for ever', async () => {
    const { pool, opened, hold } = poolOf(1);
    const lent = hold();
    await new Promise(setImmediate);
    await pool.refresh();
    expect(opened.map(({ closed }) => closed)).toEqual([false]);
    lent.finish();
    await lent.done;
    expect(opened[0]?.closed).toBe(true);
    expect(await pool.use(async (connection) => connection, never)).toBe(opened[1]);
    expect(await pool.use(async (connection) => connection, never)).toBe(opened[1]);
  });

  it('drops one that broke while it was lent, and gives its place to the next in line', async () => {
    const { pool, opened } = poolOf(1);
    const failed = pool.use(async (connection) => {
      connection.broken = true;
      throw new Error('lost');
    }, never);
    const next = pool.use(async (connection) => connection, never);
    await expect(failed).rejects.toThrow('lost');
    expect(await next).toBe(opened[1]);
  });

  it('gives the place back when no connection can be opened', async () => {
    let attempts = 0;
    const pool = new ConnectionPool<FakeConnection>(async () => {
      attempts++;
      if (attempts === 1) throw new Error('refused');
      return new FakeConnection();
    }, 1);
    await expect(pool.use(async () => 'first', never)).rejects.toThrow('refused');
    expect(await pool.use(async () => 'second', never)).toBe('second');
  });

  it('serves callers in the order they came', async () => {
    const { pool, hold } = poolOf(1);
    const first = hold();
    const served: number[] = [];
    const others = [2, 3, 4].map((number) => pool.use(async () => served.push(number), never));
    first.finish();
    await Promise.all([first.done, ...others]);
    expect(served).toEqual([2, 3, 4]);
  });

  it('lets a waiting caller go when its signal is aborted, without losing its turn to nobody', async () => {
    const { pool, hold } = poolOf(1);
    const first = hold();
    const stop = new AbortController();
    const second = pool.use(async () => 'second', stop.signal);
    const third = pool.use(async () => 'third', never);
    stop.abort(new Error('stopped'));
    await expect(second).rejects.toThrow('stopped');
    first.finish();
    expect(await third).toBe('third');
  });

  it('closes idle connections at once and lent ones when they come back', async () => {
    const { pool, opened, hold } = poolOf(2);
    const lent = hold();
    await pool.use(async () => undefined, never);
    await pool.close();
    expect(opened.map(({ closed }) => closed)).toEqual([false, true]);
    lent.finish();
    await lent.done;
    expect(opened.map(({ closed }) => closed)).toEqual([true, true]);
    await expect(pool.use(async () => undefined, never)).rejects.toMatchObject({ code: 'database_unreachable' });
  });

  it('opens new connections after a refresh, for changed credentials', async () => {
    const { pool, opened } = poolOf(1);
    await pool.use(async () => undefined, never);
    await pool.refresh();
    expect(opened[0]?.closed).toBe(true);
    expect(await pool.use(async (connection) => connection, never)).toBe(opened[1]);
  });
});
