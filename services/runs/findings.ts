import { and, eq, isNull } from 'drizzle-orm';
import { canonical } from '../../core/canonical.ts';
import type { Finding } from '../../core/control.ts';
import type { FindingScope } from '../../core/runs.ts';
import { newId } from '../../core/ids.ts';
import type { Context } from '../context.ts';
import { findings } from '../db/tables.ts';
import type { RunRow } from '../schedule.ts';

/** What a run found stands for its whole scope: a finding that is not seen again is resolved, one that stays keeps its age. */
export function replaceFindings(ctx: Context, run: RunRow, scope: FindingScope, found: readonly Finding[]): void {
  const appId = scope === 'app' ? run.appId : null;
  const open = ctx.db
    .select()
    .from(findings)
    .where(
      and(
        eq(findings.serverId, run.serverId),
        eq(findings.scope, scope),
        appId === null ? isNull(findings.appId) : eq(findings.appId, appId),
        isNull(findings.resolvedAtMs),
      ),
    )
    .all();
  const nowMs = ctx.now();
  for (const finding of found) {
    const at = open.findIndex((row) => row.control === finding.control && row.title === finding.title);
    const [standing] = at === -1 ? [] : open.splice(at, 1);
    const values = {
      runId: run.id,
      severity: finding.severity,
      evidence: finding.evidence,
      hint: finding.hint,
      standards: canonical(finding.standards),
      remedy: finding.remedy,
    };
    if (standing === undefined) {
      ctx.db
        .insert(findings)
        .values({
          id: newId('finding', nowMs, ctx.random),
          organizationId: run.organizationId,
          serverId: run.serverId,
          scope,
          appId,
          control: finding.control,
          title: finding.title,
          foundAtMs: nowMs,
          ...values,
        })
        .run();
    } else {
      ctx.db.update(findings).set(values).where(eq(findings.id, standing.id)).run();
    }
  }
  for (const gone of open) ctx.db.update(findings).set({ resolvedAtMs: nowMs }).where(eq(findings.id, gone.id)).run();
}
