import { z } from 'zod';

export const k3sVersion = 'v1.36.4+k3s1';
export const traefikVersion = 'v3.7.13';

export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'use 64 lower-case hexadecimal digits');
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
    imageDigest: z
      .string()
      .regex(/^sha256:[0-9a-f]{64}$/, 'use sha256: and 64 hexadecimal digits')
      .nullish(),
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
      name: 'k3s-images',
      version: k3sVersion,
      arch,
      url: `${releaseBase}/k3s-airgap-images-${arch}.tar.zst`,
      sumsUrl,
      sha256: null,
      bytes: null,
    },
    {
      name: 'traefik',
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
export const builtInArtefacts: readonly ArtefactEntry[] = architectures.flatMap(k3sRelease);

/** What an install cannot do without. The images of k3s itself are pulled by the host where the catalogue has none. */
export const neededArtefacts: readonly { name: string; optional: boolean }[] = [
  { name: 'k3s', optional: false },
  { name: 'k3s-images', optional: true },
  { name: 'traefik', optional: false },
];
