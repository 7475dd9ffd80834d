// A process of its own, so that the repository of `bin/lab up` outlives the command:
// apt-server.ts ADDRESS PORT STOP-FILE RELEASE=FOLDER...
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'

const [address = '', port = '', stopFile = '', ...pairs] = process.argv.slice(2)
const folders = new Map(pairs.map((pair) => pair.split('=') as [string, string]))

const server = createServer((request, response) => {
	if (existsSync(stopFile)) {
		request.socket.destroy()
		return
	}
	const [, release = '', file = ''] = /^\/([^/]+)\/(?:\.\/)?([^/]+)$/.exec(request.url ?? '') ?? []
	const folder = folders.get(release)
	const path = folder && findFile(folder, file)
	if (!path) {
		response.writeHead(404).end()
		return
	}
	response.writeHead(200, { 'content-length': statSync(path).size })
	if (request.method === 'HEAD') response.end()
	else createReadStream(path).pipe(response)
})

function findFile(folder: string, file: string): string | undefined {
	const names = [file, decodeURIComponent(file), decodeURIComponent(decodeURIComponent(file))]
	return names.map((name) => join(folder, basename(name))).find((path) => existsSync(path) && statSync(path).isFile())
}

server.listen(Number(port), address, () => process.stdout.write('listening\n'))
