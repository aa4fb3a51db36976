#include "cli/import_tunnel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "base/wipe.h"
#include "cli/import_source.h"
#include "cli/init_files.h"
#include "cli/init_plan.h"
#include "cli/init_whole.h"
#include "cli/text_buffer.h"

static int fail(const struct streams *streams, const char *command, enum err error) {
	output_message(streams, "%s: %s", command, err_text(error));
	return STATUS_FAILED;
}

void import_tunnel_done(struct import_tunnel *tunnel) {
	wg_quick_done(&tunnel->file);
	free(tunnel->key_files);
	*tunnel = (struct import_tunnel){0};
}

/* "dir/office.conf" is called "office", as wg-quick does it. */
static int take_name(const struct streams *streams, const char *command, const char *path,
					 const char *name, struct import_tunnel *tunnel) {
	const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
	if (!name)
		name = strcmp(path, "-") == 0 ? "um0" : file;
	size_t size = strlen(name);
	if (name == file && size > 5 && strcmp(name + size - 5, ".conf") == 0)
		size -= 5;
	if (size < sizeof tunnel->name)
		memcpy(tunnel->name, name, size);
	if (init_plan_is_name(tunnel->name, sizeof tunnel->name - 1))
		return STATUS_OK;
	output_message(streams,
				   "%s: a tunnel is called by up to %d letters, digits and _-., the first one a "
				   "letter or digit: --name NAME",
				   command, CONFIG_NAME_SIZE - 1);
	return STATUS_USAGE;
}

static void tell_notes(const struct streams *streams, const char *command, const char *source,
					   const struct wg_quick *file) {
	for (size_t i = 0; i < file->note_count; i++)
		output_message(streams, "%s: %s:%u: %s", command, source, file->notes[i].line,
					   file->notes[i].text);
}

static int parse(const struct streams *streams, const char *command,
				 const struct import_source *source, struct import_tunnel *out_tunnel) {
	struct import_tunnel tunnel = *out_tunnel;
	char problem[WG_QUICK_ERROR_SIZE];
	enum err error = wg_quick_parse(source->text, source->size, &tunnel.file, problem);
	if (error) {
		output_message(streams, "%s: %s: %s", command, source->name, problem);
		return STATUS_FAILED;
	}
	tell_notes(streams, command, source->name, &tunnel.file);
	if (!tunnel.file.has_private_key) {
		output_message(streams, "%s: %s has no PrivateKey in its [Interface]", command,
					   source->name);
		import_tunnel_done(&tunnel);
		return STATUS_FAILED;
	}
	memcpy(tunnel.file.tunnel.name, tunnel.name, sizeof tunnel.name);
	*out_tunnel = tunnel;
	wipe(&tunnel, sizeof tunnel);
	return STATUS_OK;
}

int import_tunnel_take(const struct streams *streams, const char *command,
					   const struct import_source *source, const char *name,
					   struct import_tunnel *out_tunnel) {
	struct import_tunnel tunnel = {0};
	int status = take_name(streams, command, "", name, &tunnel);
	if (status == STATUS_OK)
		status = parse(streams, command, source, &tunnel);
	if (status == STATUS_OK)
		*out_tunnel = tunnel;
	return status;
}

int import_tunnel_read(const struct streams *streams, const char *command, const char *path,
					   const char *name, struct import_tunnel *out_tunnel) {
	struct import_tunnel tunnel = {0};
	struct import_source source;
	int status = take_name(streams, command, path, name, &tunnel);
	if (status == STATUS_OK)
		status = import_source_read(streams, command, path, &source);
	if (status != STATUS_OK)
		return status;
	status = parse(streams, command, &source, &tunnel);
	import_source_done(&source);
	if (status == STATUS_OK)
		*out_tunnel = tunnel;
	return status;
}

enum { KEY_FILE_SIZE = 64 };

static bool has_preshared_key(const struct config_peer *peer) {
	return !wipe_is_zero(peer->preshared_key, sizeof peer->preshared_key);
}

/* Names for the key files, each behind the way from the YAML to the directory. */
static enum err name_key_files(struct import_tunnel *tunnel, const char *way) {
	struct config_tunnel *inner = &tunnel->file.tunnel;
	free(tunnel->key_files);
	tunnel->key_files = calloc(inner->peer_count + 1, KEY_FILE_SIZE);
	if (!tunnel->key_files)
		return ERR_NO_MEMORY;
	char *next = tunnel->key_files;
	(void)snprintf(next, KEY_FILE_SIZE, "%skeys/%s.key", way, tunnel->name);
	inner->private_key_file = next;
	for (size_t i = 0; i < inner->peer_count; i++) {
		if (!has_preshared_key(&inner->peers[i]))
			continue;
		next += KEY_FILE_SIZE;
		(void)snprintf(next, KEY_FILE_SIZE, "%skeys/%s-peer%zu.psk", way, tunnel->name, i + 1);
		inner->peers[i].preshared_key_file = next;
	}
	return ERR_OK;
}

static enum err format(const struct import_tunnel *tunnel, char **out_yaml) {
	char *part, *yaml;
	size_t size;
	enum err error = wg_quick_to_yaml(&tunnel->file.tunnel, &part, &size);
	if (error)
		return error;
	int used = asprintf(&yaml, "tunnels:\n%s", part);
	wg_quick_text_free(part, size);
	if (used < 0)
		return ERR_NO_MEMORY;
	*out_yaml = yaml;
	return ERR_OK;
}

static void tell_faults(const struct streams *streams, const char *command,
						const struct config_errors *errors) {
	for (size_t i = 0; i < errors->count; i++)
		output_message(streams, "%s: %s", command, errors->lines[i]);
}

/* The daemon is to take what is written; what it would say against it is said now. */
static int check(const struct streams *streams, const char *command, const char *path,
				 const char *yaml) {
	const struct config_source source = {.path = path, .text = yaml, .text_size = strlen(yaml)};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	if (!error)
		config_free(config);
	else if (errors.count > 0)
		tell_faults(streams, command, &errors);
	else
		(void)fail(streams, command, error);
	config_errors_done(&errors);
	return error ? STATUS_FAILED : STATUS_OK;
}

static bool is_same_file(const char *left, const char *right) {
	struct stat l, r;
	return stat(left, &l) == 0 && stat(right, &r) == 0 && l.st_dev == r.st_dev &&
		   l.st_ino == r.st_ino;
}

/* A tunnel of the name in another file would make the whole configuration invalid. */
static int check_name(const struct streams *streams, const char *command, const char *main_path,
					  const char *own_path, const char *name) {
	const struct config_source source = {.path = main_path};
	struct config_errors errors;
	struct config *config;
	int status = STATUS_OK;
	enum err error = config_load(&source, &config, &errors);
	config_errors_done(&errors);
	if (error)
		return STATUS_OK; /* told in the end */
	const struct config_tunnel *found = config_find(config, name);
	if (found && !is_same_file(found->position.file, own_path)) {
		output_message(streams, "%s: there is a tunnel %s already, in %s:%u; --name NAME", command,
					   name, found->position.file, found->position.line);
		status = STATUS_FAILED;
	}
	config_free(config);
	return status;
}

/* Whether the daemon will find the tunnel. */
static void tell_whether_included(const struct streams *streams, const char *command,
								  const char *main_path, const char *name) {
	const struct config_source source = {.path = main_path, .flags = CONFIG_SECRETS};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	if (error) {
		output_message(streams, "%s: %s has faults:", command, main_path);
		tell_faults(streams, command, &errors);
	} else if (!config_find(config, name)) {
		output_message(streams,
					   "%s: %s does not know the tunnel yet; add this line to it: "
					   "include: [tunnels/*.yaml]",
					   command, main_path);
	}
	if (!error)
		config_free(config);
	config_errors_done(&errors);
}

static enum err add_key(struct init_files *files, const char *path,
						const uint8_t key[static TEXT_KEY_SIZE]) {
	struct {
		char line[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	text_key_encode(key, s.line);
	s.line[sizeof s.line - 1] = '\n';
	return init_files_add(files, path, 0600, s.line, sizeof s.line);
}

static enum err add_keys(struct init_files *files, const struct config_tunnel *tunnel,
						 const char *way) {
	size_t skipped = strlen(way);
	enum err error = add_key(files, tunnel->private_key_file + skipped, tunnel->private_key);
	for (size_t i = 0; !error && i < tunnel->peer_count; i++)
		if (tunnel->peers[i].preshared_key_file)
			error = add_key(files, tunnel->peers[i].preshared_key_file + skipped,
							tunnel->peers[i].preshared_key);
	return error;
}

/* Where everything goes. */
struct places {
	char *directory, *main, *own; /* absolute */
	const char *file;             /* of the YAML, below the directory */
	const char *way;              /* from there to the directory */
	bool has_main;
};

static void places_done(struct places *places) {
	free(places->directory);
	free(places->main);
	free(places->own);
}

static bool find_places(const struct import_tunnel *tunnel, const struct import_target *target,
						char *file, size_t file_size, struct places *places) {
	auto_free char *here = target->directory[0] == '/' ? strdup("") : getcwd(NULL, 0);
	if (!here ||
		asprintf(&places->directory, "%s%s%s", here, here[0] ? "/" : "", target->directory) < 0) {
		places->directory = NULL;
		return false;
	}
	if (asprintf(&places->main, "%s/umbra.yaml", places->directory) < 0) {
		places->main = NULL;
		return false;
	}
	places->has_main = access(places->main, F_OK) == 0;
	bool into_main = target->begin && !places->has_main;
	(void)snprintf(file, file_size, "tunnels/%s.yaml", tunnel->name);
	places->file = into_main ? "umbra.yaml" : file;
	places->way = into_main ? "" : "../";
	if (asprintf(&places->own, "%s/%s", places->directory, places->file) < 0) {
		places->own = NULL;
		return false;
	}
	return true;
}

enum { FILE_SIZE = CONFIG_NAME_SIZE + 16 };

int import_tunnel_print(const struct streams *streams, const char *command,
						struct import_tunnel *tunnel, const struct import_target *target) {
	__attribute__((cleanup(places_done))) struct places places = {0};
	char file[FILE_SIZE];
	auto_free char *yaml = NULL;
	enum err error = ERR_NO_MEMORY;
	if (find_places(tunnel, target, file, sizeof file, &places))
		error = name_key_files(tunnel, places.way);
	if (!error)
		error = format(tunnel, &yaml);
	if (error)
		return fail(streams, command, error);
	int status = check(streams, command, places.own, yaml);
	return status == STATUS_OK ? output_text(streams, yaml) : status;
}

static int tell(const struct streams *streams, const struct import_tunnel *tunnel,
				const struct import_target *target, const struct places *places) {
	const struct config_tunnel *inner = &tunnel->file.tunnel;
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text, "Made in %s:\n  %s  the tunnel %s\n", target->directory, places->file,
					tunnel->name);
	if (!places->has_main && places->way[0])
		text_buffer_add(&text, "  umbra.yaml  the configuration, which includes it\n");
	text_buffer_add(&text, "  keys/%s.key  its private key\n", tunnel->name);
	for (size_t i = 0; i < inner->peer_count; i++)
		if (inner->peers[i].preshared_key_file)
			text_buffer_add(&text, "  keys/%s-peer%zu.psk  the key shared with %s\n", tunnel->name,
							i + 1, inner->peers[i].name);
	text_buffer_add(&text,
					"\nNext:\n  umbrad -c %s/umbra.yaml  starts it; where umbrad runs: umbra "
					"reload\n",
					target->directory);
	return output_buffer(streams, &text);
}

/* umbra.yaml, with the tunnel or so that it finds it. */
static enum err add_main(struct init_files *files, const char *yaml) {
	char *text;
	int size = asprintf(&text, "%s%s%s", init_plan_head, yaml ? "\n" : "", yaml ? yaml : "");
	if (size < 0)
		return ERR_NO_MEMORY;
	enum err error = init_files_add(files, "umbra.yaml", 0600, text, (size_t)size);
	free(text);
	return error;
}

static enum err collect(struct init_files *files, const struct import_tunnel *tunnel,
						const struct places *places, const char *yaml) {
	bool into_main = places->way[0] == '\0';
	enum err error = add_keys(files, &tunnel->file.tunnel, places->way);
	if (!error && !into_main)
		error = init_files_add(files, places->file, 0600, yaml, strlen(yaml));
	if (!error && !places->has_main)
		error = add_main(files, into_main ? yaml : NULL);
	return error;
}

int import_tunnel_write(const struct streams *streams, const char *command,
						struct import_tunnel *tunnel, const struct import_target *target) {
	__attribute__((cleanup(places_done))) struct places places = {0};
	char file[FILE_SIZE];
	auto_free char *yaml = NULL;
	enum err error = ERR_NO_MEMORY;
	if (find_places(tunnel, target, file, sizeof file, &places))
		error = name_key_files(tunnel, places.way);
	if (!error)
		error = format(tunnel, &yaml);
	if (error)
		return fail(streams, command, error);
	int status = STATUS_OK;
	if (places.has_main)
		status = check_name(streams, command, places.main, places.own, tunnel->name);
	if (status == STATUS_OK)
		status = check(streams, command, places.own, yaml);
	if (status != STATUS_OK)
		return status;
	__attribute__((cleanup(init_files_done))) struct init_files files;
	init_files_init(&files, target->directory);
	error = collect(&files, tunnel, &places, yaml);
	if (error)
		return fail(streams, command, error);
	status = init_whole_commit(streams, command, &files, target->force);
	if (status == STATUS_OK)
		status = tell(streams, tunnel, target, &places);
	if (status == STATUS_OK)
		tell_whether_included(streams, command, places.main, tunnel->name);
	return status;
}
