import { writeFileSync } from 'node:fs';
import { renderControlsPage } from '../core/hardening/page.ts';
import { renderCauses } from '../core/server/doctor.ts';

/** Pages that are made from the tables the product itself uses; a test compares. */
const pages = { 'docs/doctor.md': renderCauses, 'docs/controls.md': renderControlsPage };

for (const [path, render] of Object.entries(pages)) writeFileSync(path, render());
