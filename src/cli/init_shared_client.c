#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "cli/init_files.h"
#include "cli/init_networks.h"
#include "cli/init_plan.h"
#include "cli/init_shared.h"
#include "cli/init_whole.h"
#include "cli/qr.h"
#include "cli/text_buffer.h"

enum { PATH_SIZE = CONFIG_NAME_SIZE + 16 };

enum err init_shared_add_key(struct init_files *files, const char *path,
							 const uint8_t key[static TEXT_KEY_SIZE]) {
	struct {
		char line[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	text_key_encode(key, s.line);
	s.line[sizeof s.line - 1] = '\n';
	return init_files_add(files, path, 0600, s.line, sizeof s.line);
}

int init_shared_show(const struct streams *streams, const char *command,
					 const struct shared_line *line, bool qr) {
	char *text;
	enum err error = shared_line_format(line, &text);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		return STATUS_FAILED;
	}
	output_warn_if_public(streams);
	int status = output_text(streams, text);
	if (status == STATUS_OK)
		status = output_text(streams, "\n");
	if (status == STATUS_OK && qr)
		status = qr_print(streams, text, qr_locale_is_utf8());
	wipe(text, strlen(text));
	free(text);
	return status;
}

/* way: from the YAML to the directory. */
static void add_tunnel(struct text_buffer *yaml, const struct shared_line *line, const char *name,
					   const char *way) {
	text_buffer_add(yaml,
					"tunnels:\n  # The name of the interface, too.\n  %s:\n    protocol: %s\n"
					"    role: client\n    endpoints: [",
					name, config_shared_protocol());
	for (size_t i = 0; i < line->endpoint_count; i++) {
		const struct shared_line_endpoint *endpoint = &line->endpoints[i];
		bool brackets = strchr(endpoint->host, ':');
		text_buffer_add(yaml, "%s\"%s%s%s:%u\"", i > 0 ? ", " : "", brackets ? "[" : "",
						endpoint->host, brackets ? "]" : "", endpoint->port);
	}
	text_buffer_add(yaml,
					"]\n    auth: { psk_file: %skeys/%s.psk }\n"
					"    # Addresses, name servers and routes come from the server; umbra.yaml(5) "
					"has what of\n    # that can stand here instead.\n",
					way, name);
	if (line->route_count == 0)
		return;
	text_buffer_add(yaml, "    # What this host sends through the tunnel in any case.\n"
						  "    routes:\n      include: ");
	init_networks_add_prefixes(yaml, line->routes, line->route_count);
}

static int tell(const struct streams *streams, const struct shared_line *line, const char *name,
				const char *file, const struct init_stream_target *target, bool is_main) {
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text,
					"Made in %s:\n  %s  the tunnel %s\n  keys/%s.psk  the key that it shares with "
					"its server\n\nNext:\n",
					target->directory, file, name, name);
	if (is_main)
		text_buffer_add(&text, "  umbrad -c %s/umbra.yaml  starts it\n", target->directory);
	else
		text_buffer_add(&text, "  umbra reload  brings it up, if umbra.yaml has include: "
							   "[tunnels/*.yaml]\n");
	for (size_t i = 0; i < line->route_count; i++)
		if (line->routes[i].length == 0) {
			text_buffer_add(&text, "  everything goes through it then, or nowhere: its kill switch "
								   "is on, see umbra.yaml(5)\n");
			break;
		}
	text_buffer_add(&text, "  umbra status  shows whether it is connected\n");
	return output_buffer(streams, &text);
}

static int make(const struct streams *streams, const char *command, const struct shared_line *line,
				const struct init_stream_target *target, struct init_files *files) {
	const char *name = target->name ? target->name : "um0";
	char file[PATH_SIZE] = "umbra.yaml", key[PATH_SIZE];
	bool is_main = !init_files_exists(files, file);
	auto_text_buffer struct text_buffer yaml = {0};
	(void)snprintf(key, sizeof key, "keys/%s.psk", name);
	if (!is_main)
		(void)snprintf(file, sizeof file, "tunnels/%s.yaml", name);
	else
		text_buffer_add(&yaml, "%s\n", init_plan_head);
	add_tunnel(&yaml, line, name, is_main ? "" : "../");
	if (yaml.failed) {
		output_message(streams, "%s: %s", command, err_text(ERR_NO_MEMORY));
		return STATUS_FAILED;
	}
	/* Without the head, whose pattern of files is relative to a folder that is not there yet. */
	int status = init_stream_check(streams, command, strstr(yaml.text, "tunnels:\n"));
	if (status != STATUS_OK)
		return status;
	enum err error = init_shared_add_key(files, key, line->key);
	if (!error)
		error = init_files_add(files, file, 0600, yaml.text, yaml.size);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		return STATUS_FAILED;
	}
	status = init_whole_commit(streams, command, files, target->force);
	return status == STATUS_OK ? tell(streams, line, name, file, target, is_main) : status;
}

int init_shared_client(const struct streams *streams, const char *command,
					   const struct shared_line *line, const struct init_stream_target *target) {
	if (target->name && !init_plan_is_name(target->name, CONFIG_NAME_SIZE - 1)) {
		output_message(streams,
					   "%s: a tunnel is called by up to %d letters, digits and _-., the first one "
					   "a letter or digit: --name NAME",
					   command, CONFIG_NAME_SIZE - 1);
		return STATUS_USAGE;
	}
	struct init_files files;
	init_files_init(&files, target->directory);
	int status = make(streams, command, line, target, &files);
	init_files_done(&files);
	return status;
}
