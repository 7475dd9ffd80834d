import { readFileSync, writeFileSync } from 'node:fs';
import { makeProgram } from '../cli/kip.ts';
import { renderCliPage } from '../cli/page.ts';
import { renderControlsPage } from '../core/hardening/page.ts';
import { renderCauses } from '../core/server/doctor.ts';

/** Pages that are made from the tables the product itself uses; `--check` compares and writes nothing. */
const pages = { 'docs/doctor.md': renderCauses, 'docs/controls.md': renderControlsPage, 'docs/cli.md': () => renderCliPage(makeProgram()) };

const check = process.argv.includes('--check');
for (const [path, render] of Object.entries(pages)) {
  if (!check) writeFileSync(path, render());
  else if (readFileSync(path, 'utf8') !== render()) {
    process.stderr.write(`${path} is not what the tables say: run bin/node bin/docs.ts\n`);
    process.exitCode = 1;
  }
}
