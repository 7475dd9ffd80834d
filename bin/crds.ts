import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Writes core/edge/crds.json: the CustomResourceDefinitions that Traefik's kubernetescrd provider watches, with structural schemas
 * read from the declarations of @kubernetes-models/traefik. Run it after that dependency changed; a test compares the two.
 */

interface Schema {
  [key: string]: unknown;
}

const root = dirname(fileURLToPath(import.meta.resolve('@kubernetes-models/traefik')));
const folder = join(root, 'traefik.io/v1alpha1');

/** Kind, plural and singular as Traefik's own client asks for them; it waits for all ten. */
const kinds: readonly [string, string][] = [
  ['IngressRoute', 'ingressroutes'],
  ['IngressRouteTCP', 'ingressroutetcps'],
  ['IngressRouteUDP', 'ingressrouteudps'],
  ['Middleware', 'middlewares'],
  ['MiddlewareTCP', 'middlewaretcps'],
  ['ServersTransport', 'serverstransports'],
  ['ServersTransportTCP', 'serverstransporttcps'],
  ['TLSOption', 'tlsoptions'],
  ['TLSStore', 'tlsstores'],
  ['TraefikService', 'traefikservices'],
];

class Reader {
  readonly #tokens: string[];
  readonly #imports: ReadonlyMap<string, string>;
  readonly #file: string;
  #at = 0;

  constructor(text: string, imports: ReadonlyMap<string, string>, file: string) {
    this.#tokens = text.match(/"[^"]*"|[A-Za-z_][A-Za-z0-9_]*|[{}[\]<>:;?|]/g) ?? [];
    this.#imports = imports;
    this.#file = file;
  }

  /** `{ "name"?: type; … }`, or a map when it holds an index signature. */
  object(): Schema {
    this.#take('{');
    const properties: Record<string, Schema> = {};
    const required: string[] = [];
    while (this.#peek() !== '}') {
      if (this.#peek() === '[') return this.#map();
      const name = JSON.parse(this.#next()) as string;
      if (this.#peek() === '?') this.#next();
      else required.push(name);
      this.#take(':');
      properties[name] = this.#type();
      this.#take(';');
    }
    this.#take('}');
    return { type: 'object', properties, ...(required.length === 0 ? {} : { required }) };
  }

  #map(): Schema {
    for (const token of ['[', 'key', ':', 'string', ']', ':']) this.#take(token);
    const additionalProperties = this.#type();
    this.#take(';');
    this.#take('}');
    return { type: 'object', additionalProperties };
  }

  #type(): Schema {
    const token = this.#peek();
    if (token === '{') return this.object();
    if (token?.startsWith('"')) return this.#choice();
    this.#next();
    if (token === 'Array') {
      this.#take('<');
      const items = this.#type();
      this.#take('>');
      return { type: 'array', items };
    }
    // Every number of this API is an integer in Traefik's own types.
    if (token === 'number') return { type: 'integer' };
    if (token === 'string' || token === 'boolean') return { type: token };
    return this.#reference(token ?? '');
  }

  #choice(): Schema {
    const values = [JSON.parse(this.#next()) as string];
    while (this.#peek() === '|') {
      this.#next();
      values.push(JSON.parse(this.#next()) as string);
    }
    return { type: 'string', enum: values };
  }

  #reference(name: string): Schema {
    if (name.endsWith('UtilIntstrIntOrString')) return { 'x-kubernetes-int-or-string': true };
    if (name.endsWith('ApiextensionsV1JSON')) return { 'x-kubernetes-preserve-unknown-fields': true };
    const from = this.#imports.get(name);
    if (from === undefined) throw new TypeError(`${this.#file}: ${name} is not imported`);
    return schemaOf(join(dirname(this.#file), from.replace(/\.js$/, '.d.ts')));
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new TypeError(`${this.#file}: ends too early`);
    this.#at += 1;
    return token;
  }

  #take(wanted: string): void {
    const token = this.#next();
    if (token !== wanted) throw new TypeError(`${this.#file}: ${token} stands where ${wanted} should`);
  }
}

function importsOf(text: string): Map<string, string> {
  const found = [...text.matchAll(/import \{ (\w+) \} from "([^"]+)";/g)];
  return new Map(found.map(([, name, from]) => [name ?? '', from ?? '']));
}

function schemaOf(file: string): Schema {
  const text = readFileSync(file, 'utf8').replaceAll(/\/\*[\s\S]*?\*\//g, '');
  const imports = importsOf(text);
  const alias = /export type I\w+ = (string|number|boolean|"[^;]+");/.exec(text)?.[1];
  if (alias !== undefined)
    return alias.startsWith('"') ? { type: 'string', enum: [...alias.matchAll(/"([^"]*)"/g)].map((one) => one[1]) } : { type: alias };
  const declared = /export interface \w+(?: extends (\w+))? (\{[\s\S]*?\n\})/.exec(text);
  if (declared === null) throw new TypeError(`${file}: has no interface`);
  const own = new Reader(declared[2] ?? '', imports, file).object();
  const parent = declared[1] === undefined ? undefined : imports.get(declared[1]);
  return parent === undefined ? own : merged(schemaOf(join(dirname(file), parent.replace(/\.js$/, '.d.ts'))), own);
}

function merged(parent: Schema, own: Schema): Schema {
  const required = [...((parent['required'] as string[] | undefined) ?? []), ...((own['required'] as string[] | undefined) ?? [])];
  return {
    type: 'object',
    properties: { ...(parent['properties'] as object), ...(own['properties'] as object) },
    ...(required.length === 0 ? {} : { required }),
  };
}

function definition(kind: string, plural: string): Schema {
  const openAPIV3Schema = {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: schemaOf(join(folder, `${kind}Spec.d.ts`)),
    },
    required: ['metadata', 'spec'],
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.traefik.io` },
    spec: {
      group: 'traefik.io',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      scope: 'Namespaced',
      versions: [{ name: 'v1alpha1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

export function traefikDefinitions(): Schema[] {
  return kinds.map(([kind, plural]) => definition(kind, plural));
}

if (import.meta.main) {
  const target = new URL('../core/edge/crds.json', import.meta.url);
  writeFileSync(target, `${JSON.stringify(traefikDefinitions(), null, 1)}\n`);
  process.stdout.write(`wrote ${fileURLToPath(target)}\n`);
}
