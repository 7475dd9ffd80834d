// A process of its own, so that the repository of `bin/lab up` outlives the command: apt-server.ts ADDRESS PORT FOLDER
// FOLDER has one entry per release; while it has an entry named 'down', every connection is cut.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { basename, join } from 'node:path';

const [address = '', port = '', folder = ''] = process.argv.slice(2);

function findFile(url: string): string | undefined {
  const [, release = '', file = ''] = /^\/([a-z]+)\/(?:\.\/)?([^/]+)$/.exec(url) ?? [];
  const once = decodeURIComponent(file);
  // The file's own name carries an escaped colon (its epoch), which a client may have decoded on the way.
  const names = [once, once.replaceAll(':', '%3a'), decodeURIComponent(once)];
  return names.map((name) => join(folder, release, basename(name))).find((path) => existsSync(path) && statSync(path).isFile());
}

const server = createServer((request, response) => {
  if (existsSync(join(folder, 'down'))) {
    request.socket.destroy();
    return;
  }
  const path = findFile(request.url ?? '');
  if (!path) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { 'content-length': statSync(path).size });
  if (request.method === 'HEAD') response.end();
  else createReadStream(path).pipe(response);
});

server.listen(Number(port), address);
