import { readFileSync, statSync } from 'node:fs';
import { Fault } from '../../core/fault.ts';
import { artefactFile, chooseArtefacts, type Architecture, type ArtefactEntry } from '../../core/k3s/catalogue.ts';
import type { Config } from '../config.ts';

const maxBytes = 1024 * 1024;

/** The entries of the KIPPER_ARTIFACTS file, read anew each time; none without such a file. */
export function entriesOfFile(config: Pick<Config, 'artifactsFile'>): ArtefactEntry[] {
  const file = config.artifactsFile;
  if (file === null) return [];
  const parsed = artefactFile.safeParse(readJson(file));
  if (parsed.success) return parsed.data.artefacts;
  const issue = parsed.error.issues[0];
  throw new Fault('invalid_input', {
    message: `KIPPER_ARTIFACTS: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is not a list of artefacts'}`,
    field: 'KIPPER_ARTIFACTS',
    hint: 'its form is { "artefacts": [{ "name", "version", "arch", "url", "sha256", "bytes", "image" }] }',
  });
}

export function catalogueFor(config: Pick<Config, 'artifactsFile'>, arch: Architecture): ArtefactEntry[] {
  return chooseArtefacts(arch, entriesOfFile(config));
}

function readJson(file: string): unknown {
  try {
    if (statSync(file).size > maxBytes) throw new Error('too large');
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Fault('invalid_input', {
      message: `KIPPER_ARTIFACTS: ${file} cannot be read as JSON`,
      field: 'KIPPER_ARTIFACTS',
      hint: 'bin/lab up writes one; its form is in docs/configuration.md',
    });
  }
}
