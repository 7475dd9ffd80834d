import { afterAll, beforeAll, describe } from 'vitest';
import { appPart, flagsPart, refusalsPart } from './journey/app.ts';
import { crashPart } from './journey/crashes.ts';
import { installPart, secondPart } from './journey/install.ts';
import { changedKeyPart, leavingPart } from './journey/leaving.ts';
import { pastedPart } from './journey/pasted.ts';
import { posturePart } from './journey/posture.ts';
import { openWorld, type World } from './support/world.ts';

let world: World;
const get = (): World => world;

beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  for (const [what, figure] of world?.notes ?? []) process.stdout.write(`# ${what}: ${figure}\n`);
  await world?.lab.close();
});

describe('a bare server, over ssh', () => installPart(get));
describe('the same again', () => secondPart(get));
describe('an app', () => appPart(get));
describe('what the cluster refuses', () => posturePart(get));
describe('the flags of an app', () => flagsPart(get));
describe('a rollout that cannot work', () => refusalsPart(get));
describe('the pasted line', () => pastedPart(get));
describe('what dies in the middle', () => crashPart(get));
describe('another host key', () => changedKeyPart(get));
describe('the way back', () => leavingPart(get));
