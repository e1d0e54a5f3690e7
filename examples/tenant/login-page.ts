export function loginPage(tenant: string, action: string, problem = ''): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Sign in to ${escape(tenant)}</title>
<h1>Sign in to ${escape(tenant)}</h1>
<p role="alert">${escape(problem)}</p>
<form method="post" action="${escape(action)}">
  <label>Name <input name="username" autocomplete="username" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Sign in</button>
</form>
</html>`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
