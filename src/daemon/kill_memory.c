#include "daemon/kill_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/*
 * The file, a line each:
 *
 *   resolver 192.0.2.53
 *   tunnel um0 engaged                          or released, or idle
 *   endpoint um0 KEY 192.0.2.1:51820            newest first; KEY in base64
 */

static const char *const state_names[] = {
	[KILL_MEMORY_IDLE] = "idle",
	[KILL_MEMORY_ENGAGED] = "engaged",
	[KILL_MEMORY_RELEASED] = "released",
};

static struct kill_memory_tunnel *find(struct kill_memory *memory, const char *name) {
	for (size_t i = 0; i < memory->tunnel_count; i++)
		if (strcmp(memory->tunnels[i].name, name) == 0)
			return &memory->tunnels[i];
	return NULL;
}

struct kill_memory_tunnel *kill_memory_tunnel(struct kill_memory *memory, const char *name) {
	struct kill_memory_tunnel *tunnel = find(memory, name);
	if (tunnel)
		return tunnel;
	if (memory->tunnel_count == CONFIG_TUNNELS_MAX || strlen(name) >= sizeof tunnel->name)
		return NULL;
	tunnel = &memory->tunnels[memory->tunnel_count++];
	*tunnel = (struct kill_memory_tunnel){.state = KILL_MEMORY_IDLE};
	strcpy(tunnel->name, name);
	return tunnel;
}

void kill_memory_forget(struct kill_memory *memory, const char *name) {
	struct kill_memory_tunnel *tunnel = find(memory, name);
	if (tunnel)
		*tunnel = memory->tunnels[--memory->tunnel_count];
}

static bool same(const struct kill_memory_endpoint *item, const uint8_t key[static TEXT_KEY_SIZE],
				 const struct endpoint *endpoint) {
	return memcmp(item->key, key, TEXT_KEY_SIZE) == 0 && endpoint_equal(&item->endpoint, endpoint);
}

bool kill_memory_put(struct kill_memory_tunnel *tunnel, const uint8_t key[static TEXT_KEY_SIZE],
					 const struct endpoint *endpoint) {
	struct kill_memory_endpoint *items = tunnel->endpoints;
	const struct endpoint *last = kill_memory_last(tunnel, key);
	if (last && endpoint_equal(last, endpoint))
		return false;
	struct kill_memory_endpoint item = {.endpoint = *endpoint};
	memcpy(item.key, key, TEXT_KEY_SIZE);
	size_t place = 0;
	while (place < tunnel->endpoint_count && !same(&items[place], key, endpoint))
		place++;
	if (place == KILL_MEMORY_ENDPOINTS_MAX)
		place--;
	else if (place == tunnel->endpoint_count)
		tunnel->endpoint_count++;
	memmove(&items[1], &items[0], place * sizeof *items);
	items[0] = item;
	return true;
}

const struct endpoint *kill_memory_last(const struct kill_memory_tunnel *tunnel,
										const uint8_t key[static TEXT_KEY_SIZE]) {
	for (size_t i = 0; i < tunnel->endpoint_count; i++)
		if (memcmp(tunnel->endpoints[i].key, key, TEXT_KEY_SIZE) == 0)
			return &tunnel->endpoints[i].endpoint;
	return NULL;
}

/* Text */

static void parse_resolver(const char *text, struct kill_memory *memory) {
	if (memory->resolver_count < KILL_MEMORY_RESOLVERS_MAX &&
		address_parse(text, &memory->resolvers[memory->resolver_count]) == ERR_OK)
		memory->resolver_count++;
}

static void parse_tunnel(const char *name, const char *word, struct kill_memory *memory) {
	for (size_t i = 0; i < sizeof state_names / sizeof *state_names; i++) {
		if (strcmp(word, state_names[i]) != 0)
			continue;
		struct kill_memory_tunnel *tunnel = kill_memory_tunnel(memory, name);
		if (tunnel)
			tunnel->state = (enum kill_memory_state)i;
	}
}

static void parse_endpoint(const char *name, const char *key, const char *where,
						   struct kill_memory *memory) {
	struct kill_memory_endpoint item;
	if (text_key_decode(key, strlen(key), item.key) || endpoint_parse(where, &item.endpoint) ||
		item.endpoint.port == 0)
		return;
	struct kill_memory_tunnel *tunnel = find(memory, name);
	if (tunnel && tunnel->endpoint_count < KILL_MEMORY_ENDPOINTS_MAX)
		tunnel->endpoints[tunnel->endpoint_count++] = item;
}

void kill_memory_parse(char *text, struct kill_memory *out_memory) {
	enum { WORDS = 4 };
	*out_memory = (struct kill_memory){.tunnel_count = 0};
	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		const char *words[WORDS] = {NULL};
		size_t count = 0;
		for (char *word; count < WORDS && (word = strsep(&line, " ")) != NULL;)
			words[count++] = word;
		if (line || count < 2)
			continue;
		if (count == 2 && strcmp(words[0], "resolver") == 0)
			parse_resolver(words[1], out_memory);
		else if (count == 3 && strcmp(words[0], "tunnel") == 0)
			parse_tunnel(words[1], words[2], out_memory);
		else if (count == WORDS && strcmp(words[0], "endpoint") == 0)
			parse_endpoint(words[1], words[2], words[3], out_memory);
	}
}

static void print(FILE *stream, const struct kill_memory *memory) {
	for (size_t i = 0; i < memory->resolver_count; i++) {
		char address[ADDRESS_TEXT_SIZE];
		address_format(&memory->resolvers[i], address);
		(void)fprintf(stream, "resolver %s\n", address);
	}
	for (size_t i = 0; i < memory->tunnel_count; i++) {
		const struct kill_memory_tunnel *tunnel = &memory->tunnels[i];
		(void)fprintf(stream, "tunnel %s %s\n", tunnel->name, state_names[tunnel->state]);
		for (size_t j = 0; j < tunnel->endpoint_count; j++) {
			char key[TEXT_KEY_BASE64_SIZE], where[ENDPOINT_TEXT_SIZE];
			text_key_encode(tunnel->endpoints[j].key, key);
			endpoint_format(&tunnel->endpoints[j].endpoint, where);
			(void)fprintf(stream, "endpoint %s %s %s\n", tunnel->name, key, where);
		}
	}
}

enum err kill_memory_format(const struct kill_memory *memory, char **out_text, size_t *out_size) {
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	if (!stream)
		return ERR_NO_MEMORY;
	print(stream, memory);
	bool failed = ferror(stream);
	if (fclose(stream) || failed) {
		free(text);
		return ERR_NO_MEMORY;
	}
	*out_text = text;
	*out_size = size;
	return ERR_OK;
}

/* File */

static enum err make_path(const char *state_dir, char out_path[static PATH_MAX]) {
	int size = snprintf(out_path, PATH_MAX, "%s/kill_switch", state_dir);
	return size < 0 || size >= PATH_MAX ? ERR_INVALID : ERR_OK;
}

static enum err read_all(int descriptor, char **out_text) {
	struct stat status;
	if (fstat(descriptor, &status))
		return err_from_errno(errno);
	if (!S_ISREG(status.st_mode) || status.st_size > KILL_MEMORY_FILE_MAX)
		return ERR_WRONG_KIND;
	auto_free char *text = calloc(1, (size_t)status.st_size + 1);
	if (!text)
		return ERR_NO_MEMORY;
	for (size_t used = 0; used < (size_t)status.st_size;) {
		ssize_t size = read(descriptor, text + used, (size_t)status.st_size - used);
		if (size < 0 && errno != EINTR)
			return err_from_errno(errno);
		if (size == 0)
			break;
		used += size > 0 ? (size_t)size : 0;
	}
	*out_text = cleanup_steal(text);
	return ERR_OK;
}

enum err kill_memory_load(const char *state_dir, struct kill_memory *out_memory) {
	char path[PATH_MAX];
	enum err error = make_path(state_dir, path);
	if (error)
		return error;
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (descriptor < 0 && errno == ENOENT) {
		*out_memory = (struct kill_memory){.tunnel_count = 0};
		return ERR_OK;
	}
	if (descriptor < 0)
		return err_from_errno(errno);
	auto_free char *text = NULL;
	error = read_all(descriptor, &text);
	if (!error)
		kill_memory_parse(text, out_memory);
	return error;
}

static enum err write_all(int descriptor, const char *text, size_t size) {
	for (size_t done = 0; done < size;) {
		ssize_t written = write(descriptor, text + done, size - done);
		if (written < 0 && errno != EINTR)
			return err_from_errno(errno);
		done += written > 0 ? (size_t)written : 0;
	}
	return fsync(descriptor) ? err_from_errno(errno) : ERR_OK;
}

enum err kill_memory_save(const struct kill_memory *memory, const char *state_dir) {
	char path[PATH_MAX], temporary[PATH_MAX + 8];
	auto_free char *text = NULL;
	size_t size = 0;
	enum err error = make_path(state_dir, path);
	if (!error)
		error = kill_memory_format(memory, &text, &size);
	if (error)
		return error;
	(void)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	auto_close int descriptor = mkostemp(temporary, O_CLOEXEC); /* of mode 0600 */
	if (descriptor < 0)
		return err_from_errno(errno);
	error = write_all(descriptor, text, size);
	if (!error && rename(temporary, path))
		error = err_from_errno(errno);
	if (error)
		(void)unlink(temporary);
	return error;
}
