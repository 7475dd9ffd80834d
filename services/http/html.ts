import { createHash } from 'node:crypto';

/** Text that was escaped, or written by us. */
export interface Html {
  readonly html: string;
}

/** A template whose values are escaped, unless they are Html themselves. */
export function html(parts: TemplateStringsArray, ...values: (string | Html | readonly Html[])[]): Html {
  const text = parts.map((part, i) => `${part}${i < values.length ? rendered(values[i]) : ''}`).join('');
  return { html: text };
}

function rendered(value: string | Html | readonly Html[] | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
  return 'html' in value ? value.html : value.map((item) => item.html).join('');
}

const style =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:3rem auto;padding:0 1rem;color:#1b1f24;background:#fff}' +
  'label{display:block;margin:1rem 0 .25rem}input{font:inherit;width:100%;padding:.5rem;box-sizing:border-box}button{font:inherit;margin-top:1.5rem;padding:.5rem 1.5rem}' +
  'pre,code{font:14px/1.5 ui-monospace,monospace;background:#f3f5f7;padding:.15rem .3rem}pre{padding:1rem;overflow:auto}td{vertical-align:top;padding:.2rem 1rem .2rem 0}' +
  '.wrong{border-left:4px solid #b3261e;padding-left:1rem}@media(prefers-color-scheme:dark){body{background:#14171a;color:#e6e9ec}pre,code{background:#22272c}}';
const styleHash = createHash('sha256').update(style).digest('base64');

/** A whole page: no script, one style sheet that the policy knows by its digest. */
export function page(title: string, body: Html): string {
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${rendered(title)}</title><style>${style}</style>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body>${body.html}</body></html>`;
}

/**
 * Referrer `same-origin`: with `no-referrer` a browser sends `Origin: null` on the form, which the origin check refuses.
 */
export function pageHeaders(formAction: "'self'" | "'none'"): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    'referrer-policy': 'same-origin',
  };
}
