import type { Finding } from '../control.ts';
import { tagOf, type AppSpec } from './spec.ts';

/** What a release does against good practice although it was accepted. */
export function assessApp(app: string, spec: AppSpec): Finding[] {
  const findings: Finding[] = [];
  if (spec.allowRoot) {
    findings.push({
      control: 'app-runs-as-root',
      title: `${app} may run as root`,
      severity: 'medium',
      evidence: 'the release was deployed with --allow-root: its pod meets the baseline, not the restricted profile',
      hint: 'add a numeric USER to the image, then deploy without --allow-root',
      standards: ['k3s-cis-1.9 5.2.7', 'Kubernetes Pod Security Standards: restricted'],
      remedy: 'owner',
    });
  }
  if (tagOf(spec.image) === 'latest') {
    findings.push({
      control: 'app-image-latest',
      title: `${app} uses a moving tag`,
      severity: 'low',
      evidence: `the image is ${spec.image}: what it means can change between two deploys`,
      hint: 'use a version tag or a digest',
      standards: ['k3s-cis-1.9 5.5.1'],
      remedy: 'owner',
    });
  }
  if (!spec.securityHeaders) {
    findings.push({
      control: 'app-without-security-headers',
      title: `${app} answers without security headers`,
      severity: 'low',
      evidence: 'the release was deployed with --no-security-headers',
      hint: 'deploy without --no-security-headers once the app sends its own',
      standards: ['OWASP A05:2021'],
      remedy: 'owner',
    });
  }
  return findings;
}
