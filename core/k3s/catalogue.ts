import { z } from 'zod';
import pins from './pins.json' with { type: 'json' };

export const k3sVersion = 'v1.36.4+k3s1';
export const traefikVersion = 'v3.7.13';

export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'use 64 lower-case hexadecimal digits');
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'use sha256: and 64 hexadecimal digits');
const reference = z
  .string()
  .max(300)
  .regex(
    /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/,
    'use a full image reference with its registry and tag',
  );

/**
 * A pinned file or image. `url` and `sha256` belong together; an entry with `image` and no `url` is pulled by the host by its digest.
 * `sumsUrl` names the release's own checksum file; a null digest means that nobody has pinned it yet.
 */
export const artefactEntry = z
  .strictObject({
    /** `k3s` is the binary; an entry of any other name with a url is an archive of images. */
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'use lower-case letters, digits and hyphens'),
    version: z.string().regex(/^v?\d+\.\d+\.\d+[A-Za-z0-9.+_-]{0,40}$/, 'use a release version such as v1.36.4+k3s1'),
    arch: z.enum(architectures),
    url: z.url({ protocol: /^(?:https|file)$/ }).optional(),
    sumsUrl: z.url({ protocol: /^https$/ }).optional(),
    sha256: sha256.nullable(),
    bytes: z
      .number()
      .int()
      .positive()
      .max(4 * 1024 ** 3)
      .nullable(),
    image: reference.optional(),
    imageDigest: digest.nullish(),
    /** What an archive of several images holds, for people to read. */
    images: z
      .array(z.strictObject({ image: reference, imageDigest: digest.nullish() }))
      .max(100)
      .optional(),
  })
  .refine((entry) => entry.url !== undefined || entry.image !== undefined, { message: 'give a url or an image', path: ['url'] });

export type ArtefactEntry = z.infer<typeof artefactEntry>;

/** The file that KIPPER_ARTIFACTS names. Its entries stand before the built-in ones. */
export const artefactFile = z.strictObject({ artefacts: z.array(artefactEntry).max(100) });

const releaseBase = `https://github.com/k3s-io/k3s/releases/download/${k3sVersion.replace('+', '%2B')}`;

function k3sRelease(arch: Architecture): ArtefactEntry[] {
  const sumsUrl = `${releaseBase}/sha256sum-${arch}.txt`;
  return [
    {
      name: 'k3s',
      version: k3sVersion,
      arch,
      url: `${releaseBase}/${arch === 'amd64' ? 'k3s' : `k3s-${arch}`}`,
      sumsUrl,
      sha256: null,
      bytes: null,
    },
    {
      name: 'k3s-airgap-images',
      version: k3sVersion,
      arch,
      url: `${releaseBase}/k3s-airgap-images-${arch}.tar.zst`,
      sumsUrl,
      sha256: null,
      bytes: null,
    },
    {
      name: 'traefik-image',
      version: traefikVersion,
      arch,
      sha256: null,
      bytes: null,
      image: `docker.io/library/traefik:${traefikVersion}`,
      imageDigest: null,
    },
  ];
}

/** The releases that this version of Kipper installs. `bin/pin` fills the digests where there is a network. */
export const builtInArtefacts: readonly ArtefactEntry[] = architectures.flatMap(k3sRelease).map((entry) => {
  const pin = (pins as Record<string, string>)[`${entry.name} ${entry.version} ${entry.arch}`];
  if (pin === undefined) return entry;
  return entry.url === undefined ? { ...entry, imageDigest: `sha256:${pin}` } : { ...entry, sha256: pin };
});

/** What an install cannot do without. Further archives of images in the KIPPER_ARTIFACTS file go along. */
export const neededArtefacts = ['k3s', 'k3s-airgap-images', 'traefik-image'] as const;

/** The entries that an install on this architecture uses: the file's stand before the built-in ones, one for each name. */
export function chooseArtefacts(arch: Architecture, fromFile: readonly ArtefactEntry[]): ArtefactEntry[] {
  const chosen = new Map<string, ArtefactEntry>();
  for (const entry of [...fromFile, ...builtInArtefacts]) {
    if (entry.arch === arch && !chosen.has(entry.name)) chosen.set(entry.name, entry);
  }
  return [...chosen.values()];
}

/** The name that an archive of images gets on the host: k3s reads the format off its ending. */
export function archiveName(entry: ArtefactEntry): string | undefined {
  if (entry.url === undefined || entry.name === 'k3s') return undefined;
  const ending = /\.tar(?:\.zst|\.gz)?$/.exec(new URL(entry.url).pathname)?.[0] ?? '.tar';
  return `${entry.name}${ending}`;
}
