import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { onPath } from '../rig/tools.ts';

/** The system's browser; undefined where it is absent, and then its tests are skipped by name. */
export const chromiumPath = (await onPath('chromium')) ?? (await onPath('chromium-browser')) ?? (await onPath('google-chrome'));

export const needsChromium = '(needs Chromium)';

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly colors?: 'light' | 'dark';
  /** Pixels a CSS pixel. */
  readonly scale?: number;
}

/** A browser of its own: nothing of another test's page is in it, and nothing of it is left. */
export class Browser implements AsyncDisposable {
  readonly #context: BrowserContext;
  readonly #profile: string;
  /** What pages complained of: scripts that failed, what the content security policy refused. */
  readonly complaints: string[] = [];

  private constructor(context: BrowserContext, profile: string) {
    this.#context = context;
    this.#profile = profile;
  }

  static async start(look: Look = {}): Promise<Browser> {
    const profile = await mkdtemp(join(tmpdir(), 'farshore-chromium-'));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: chromiumPath ?? '',
      headless: true,
      viewport: { width: look.width ?? 1280, height: look.height ?? 860 },
      deviceScaleFactor: look.scale ?? 1,
      colorScheme: look.colors ?? 'light',
      reducedMotion: 'reduce',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    return new Browser(context, profile);
  }

  async page(): Promise<Page> {
    const page = await this.#context.newPage();
    page.on('pageerror', (error) => this.complaints.push(`${error.name}: ${error.message}`));
    page.on('console', (message) => {
      // A stream that was cut and a refusal are what some tests are about; the browser says them too.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.complaints.push(message.text());
    });
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
    await rm(this.#profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
