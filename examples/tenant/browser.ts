export interface Page {
  readonly url: URL;
  readonly html: string;
}

const maxRedirects = 10;

/** As much of a browser as signing in needs: cookies by path, redirects, and one form. */
export class Browser {
  readonly #stopAt: string;
  readonly #cookies = new Map<string, { readonly value: string; readonly path: string }>();

  /** Stops at an address that starts like this: the app's own, where the flow ends. */
  constructor(stopAt: string) {
    this.#stopAt = stopAt;
  }

  async open(url: URL): Promise<Page> {
    const result = await this.#follow(url, {});
    if (result instanceof URL)
      throw new Error(`No page was shown: ${result.searchParams.get('error') ?? ''}`);
    return result;
  }

  /** For a user who is signed in already. Gives the app's address with what the issuer added to it. */
  async arrive(url: URL): Promise<URL> {
    const result = await this.#follow(url, {});
    if (result instanceof URL) return result;
    throw new Error(`A page was shown: ${result.html.slice(0, 200)}`);
  }

  /** Sends the page's form. Gives the app's address with what the issuer added to it. */
  async submit(page: Page, fields: Readonly<Record<string, string>>): Promise<URL> {
    const action = /<form method="post" action="([^"]+)"/.exec(page.html)?.[1];
    if (action === undefined) throw new Error(`The page has no form: ${page.html.slice(0, 200)}`);
    const result = await this.#follow(new URL(action, page.url), {
      method: 'POST',
      body: new URLSearchParams(fields),
    });
    if (result instanceof URL) return result;
    throw new Error(/role="alert">([^<]+)</.exec(result.html)?.[1] ?? 'The sign-in did not end at the app.');
  }

  async #follow(start: URL, init: RequestInit): Promise<Page | URL> {
    let url = start;
    let request = init;
    for (let redirects = 0; redirects < maxRedirects; redirects++) {
      const headers = { Cookie: this.#cookieHeader(url) };
      const response = await fetch(url, { ...request, headers, redirect: 'manual' });
      this.#keepCookies(response);
      const location = response.headers.get('Location');
      if (location === null) return { url, html: await response.text() };
      await response.body?.cancel();
      url = new URL(location, url);
      if (url.href.startsWith(this.#stopAt)) return url;
      request = {};
    }
    throw new Error('The sign-in redirects in circles.');
  }

  #cookieHeader(url: URL): string {
    return [...this.#cookies]
      .filter(
        ([, { path }]) => url.pathname === path || url.pathname.startsWith(path === '/' ? path : `${path}/`),
      )
      .map(([key, { value }]) => `${key.slice(key.indexOf(' ') + 1)}=${value}`)
      .join('; ');
  }

  #keepCookies(response: Response): void {
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = cookie.split(/;\s*/);
      const name = pair.slice(0, pair.indexOf('='));
      const value = pair.slice(pair.indexOf('=') + 1);
      const path = attributes.find((attribute) => /^path=/i.test(attribute))?.slice(5) ?? '/';
      const key = `${path} ${name}`;
      if (value === '') this.#cookies.delete(key);
      else this.#cookies.set(key, { value, path });
    }
  }
}
