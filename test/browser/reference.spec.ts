import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';

let broker: RunningBroker;
let browser: Browser;
let page: Page;
/** What the browser complains about: blocked by the policy, not found, thrown. */
let complaints: string[];

beforeAll(async () => {
  broker = await runBroker();
  browser = await chromium.launch({
    executablePath: process.env['BROWSER_PATH'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox'],
  });
});
afterAll(async () => {
  await browser.close();
  await broker.close();
});

beforeEach(async () => {
  page = await browser.newPage();
  complaints = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith(broker.url)) complaints.push(`asked for ${request.url()}`);
  });
  await page.goto(`${broker.url}/docs`);
});
afterEach(() => page.close());

/** Relative, of a CSS colour `rgb(r, g, b)` (WCAG 2.2). */
function luminance(color: string): number {
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map((part) => {
    const share = Number(part) / 255;
    return share <= 0.040_45 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

describe('the API reference, in a browser', () => {
  it('is where the address of the broker leads', async () => {
    await page.goto(broker.url);
    expect(new URL(page.url()).pathname).toBe('/docs');
  });

  it('loads nothing from elsewhere and breaks none of its own rules', async () => {
    expect(await page.title()).toContain('A2A');
    // The browser asks for an icon by itself.
    expect(complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
  });

  it('has every operation, under a link that leads to it', async () => {
    const openApi = (await (await fetch(`${broker.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    const ids = Object.values(openApi.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    const targets = await page.locator('[id]').evaluateAll((elements) => elements.map(({ id }) => id));
    const links = await page
      .locator('a[href^="#"]')
      .evaluateAll((elements) => elements.map((element) => element.getAttribute('href')?.slice(1)));
    const missing = ids.filter((id) => !targets.includes(id) || !links.includes(id));
    expect([ids.length > 80, missing]).toEqual([true, []]);
  });

  it.each([
    ['phone', 360, 740],
    ['laptop', 1280, 800],
  ])('fits on a %s without scrolling sideways', async (_, width, height) => {
    await page.setViewportSize({ width, height });
    const overflow = await page
      .locator('html')
      .evaluate((element) => element.scrollWidth - element.clientWidth);
    expect(overflow).toBe(0);
  });

  it.each(['light', 'dark'] as const)('can be read in %s colours', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    const styleOf = (name: string, of: 'html' | 'body') =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('${of}')).getPropertyValue('${name}')`);
    const ink = luminance(await styleOf('color', 'body'));
    // Neither has one of its own: what shows is the browser's.
    expect(await styleOf('background-color', 'body')).toBe('rgba(0, 0, 0, 0)');
    const paper = luminance(
      await page.evaluate<string>(
        "(() => { document.body.style.backgroundColor = 'Canvas'; return getComputedStyle(document.body).backgroundColor; })()",
      ),
    );
    const contrast = (Math.max(paper, ink) + 0.05) / (Math.min(paper, ink) + 0.05);
    // WCAG 2.2, 1.4.6 (AAA).
    expect(contrast).toBeGreaterThan(7);
  });

  it('can be walked by keyboard, from link to link', async () => {
    await page.keyboard.press('Tab');
    expect(await page.locator('a:focus').count()).toBe(1);
    await page.locator('a[href="#requestToken"]').first().focus();
    await page.keyboard.press('Enter');
    expect(new URL(page.url()).hash).toBe('#requestToken');
    const top = await page
      .locator('#requestToken')
      .evaluate((element) => element.getBoundingClientRect().top);
    expect(top).toBeLessThan(200);
  });
});
