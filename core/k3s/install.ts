import { planEdge } from '../edge/plan.ts';
import type { EdgeWish } from '../edge/traefik.ts';
import { Fault } from '../fault.ts';
import { planHardening } from '../hardening/plan.ts';
import type { HardenWish } from '../hardening/wish.ts';
import { makePlan, type Plan } from '../plan.ts';
import type { ServerFacts } from '../server/facts.ts';
import type { K3sFacts } from './facts.ts';
import { planK3s } from './plan.ts';
import type { K3sWish, PlannedArtefact } from './wish.ts';

export interface InstallWish {
  k3s: K3sWish;
  harden: HardenWish;
}

/** The whole way of a server: hardened, then k3s, then its baseline and ingress. What holds already is left out or found unchanged. */
export function planInstall(wish: InstallWish, server: ServerFacts, facts: K3sFacts): Plan {
  const { planOnly: _planOnly, planHash: _planHash, ...harden } = wish.harden;
  const steps = [...planHardening(wish.harden, server), ...planK3s(wish.k3s, facts), ...planEdge(edgeWish(wish.k3s.artefacts, facts))];
  return makePlan({ install: wish.k3s, harden }, steps);
}

/** An archive was checked by its own digest and is never pulled again; without one the host pulls by digest. */
export function edgeWish(artefacts: readonly PlannedArtefact[], facts: K3sFacts): EdgeWish {
  const traefik = artefacts.find((one) => one.name === 'traefik-image');
  if (traefik?.image === undefined) {
    throw new Fault('invalid_input', {
      message: 'the install has no image of Traefik',
      field: '/artefacts',
      hint: 'list what there is with kip artefact ls, or name a file with KIPPER_ARTIFACTS',
    });
  }
  const imported = traefik.bytes > 0;
  const image = imported ? traefik.image : `${traefik.image.replace(/:[^:/]+$/, '')}@sha256:${traefik.sha256}`;
  return { image, imported, nodeAddress: facts.nodeAddress };
}
