import { assessKernel, type KernelTable, planKernel } from '../kernel.ts';
import type { HardeningControl } from '../wish.ts';

/** Larger is stricter; everything else has to be equal. */
const atLeast = new Set([
  'kernel.kptr_restrict',
  'kernel.dmesg_restrict',
  'kernel.unprivileged_bpf_disabled',
  'kernel.yama.ptrace_scope',
  'fs.protected_fifos',
  'fs.protected_regular',
]);

const table: KernelTable = {
  path: '/etc/sysctl.d/80-kipper.conf',
  settings: {
    'kernel.kptr_restrict': '2',
    'kernel.dmesg_restrict': '1',
    'kernel.unprivileged_bpf_disabled': '2',
    'kernel.yama.ptrace_scope': '1',
    'fs.protected_hardlinks': '1',
    'fs.protected_symlinks': '1',
    'fs.protected_fifos': '1',
    'fs.protected_regular': '2',
    'fs.suid_dumpable': '0',
    'net.ipv4.tcp_syncookies': '1',
    'net.ipv4.icmp_echo_ignore_broadcasts': '1',
    'net.ipv4.conf.all.accept_redirects': '0',
    'net.ipv4.conf.default.accept_redirects': '0',
    'net.ipv6.conf.all.accept_redirects': '0',
    'net.ipv6.conf.default.accept_redirects': '0',
    'net.ipv4.conf.all.send_redirects': '0',
    'net.ipv4.conf.default.send_redirects': '0',
    'net.ipv4.conf.all.accept_source_route': '0',
    'net.ipv4.conf.default.accept_source_route': '0',
    'net.ipv6.conf.all.accept_source_route': '0',
  },
  // 1 cannot be taken back before a reboot, so 2 is set, but 1 is as good.
  holds: (key, value, wanted) =>
    key === 'kernel.unprivileged_bpf_disabled' ? value !== '0' : atLeast.has(key) ? Number(value) >= Number(wanted) : value === wanted,
};

const control: HardeningControl = {
  id: 'kernel',
  title: 'kernel settings are tight where a cluster does not mind',
  why: 'Leaked kernel addresses, followed redirects and shared temporary files are the small steps of larger break-ins. Forwarding and reverse-path filters stay as pods need them.',
  severity: 'low',
  standards: ['CIS Debian 12 1.5', 'CIS Debian 12 3.3'],
  optOut: 'noHarden',
  undo: 'the old values come back and the file is removed',
  clusterNeeds: false,
  assess: (facts) => assessKernel(control, table, facts),
  plan: (facts) => planKernel(control, table, facts),
};

export const kernel = control;
