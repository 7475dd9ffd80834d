import { assessKernel, type KernelTable, planKernel } from '../kernel.ts';
import type { HardeningControl } from '../wish.ts';

const table: KernelTable = {
  path: '/etc/sysctl.d/90-kubelet.conf',
  settings: {
    'vm.panic_on_oom': '0',
    'vm.overcommit_memory': '1',
    'kernel.panic': '10',
    'kernel.panic_on_oops': '1',
    'kernel.keys.root_maxkeys': '1000000',
    'kernel.keys.root_maxbytes': '25000000',
  },
  // The kubelet compares for equality.
  holds: (_key, value, wanted) => value === wanted,
};

const control: HardeningControl = {
  id: 'kernel-for-k3s',
  title: 'kernel settings are those the kubelet demands',
  why: 'With protect-kernel-defaults the kubelet does not start, rather than change the kernel by itself.',
  severity: 'medium',
  standards: ['k3s-cis-1.9 4.2.6'],
  optOut: 'noHarden',
  undo: 'the old values come back and the file is removed',
  clusterNeeds: true,
  assess: (facts) => assessKernel(control, table, facts),
  plan: (facts) => planKernel(control, table, facts),
};

export const kernelForK3s = control;
