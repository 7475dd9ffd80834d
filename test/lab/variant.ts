export interface Variant {
  why: string;
  /** Shell run as root in the host's file system before its first boot; LAB_PASSWORD and LAB_APT are set. */
  prepare?: string;
  /** Shell run by the host itself, early in every boot. */
  atBoot?: string;
  /** Shell run in the host after every boot, once its ssh port answers. */
  afterBoot?: string;
  /** Starts from the image without ufw, unattended-upgrades, rpcbind and nfs-common. */
  lean?: true;
  /** Size of the whole disk. */
  disk?: string;
  sshPort?: number;
}

/** A unit that runs a command under a name of our choosing. */
export function unit(name: string, command: string): string {
  return `cat >/etc/systemd/system/${name}.service <<'UNIT'
[Service]
ExecStart=${command}
[Install]
WantedBy=multi-user.target
UNIT
systemctl enable -q ${name}.service`;
}
