#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/init_files.h"
#include "cli/init_networks.h"
#include "cli/init_plan.h"
#include "cli/init_streams.h"
#include "cli/init_whole.h"
#include "cli/text_buffer.h"

enum { PROXY_PORT = 1080 }; /* where no other tunnel has it: the next one */

static void add_tls(struct text_buffer *yaml, const struct stream_line *line) {
	text_buffer_add(yaml, "    tls:\n      server_name: \"%s\"\n",
					line->server_name[0] ? line->server_name : line->host);
	for (size_t i = 0; i < line->pin_count; i++) {
		char pin[TEXT_KEY_BASE64_SIZE];
		text_key_encode(line->pins[i], pin);
		text_buffer_add(yaml, "%s\"sha256/%s\"", i == 0 ? "      pins: [" : ", ", pin);
	}
	text_buffer_add(yaml, line->pin_count > 0 ? "]\n" : "");
}

/* Of an interface, and what its host sends there. */
static void add_network(struct text_buffer *yaml, const struct stream_line *line) {
	struct prefix own[STREAM_LINE_ADDRESSES_MAX];
	if (line->address_count == 0)
		return;
	for (size_t i = 0; i < line->address_count; i++)
		own[i] =
			(struct prefix){line->addresses[i], (uint8_t)(8 * address_size(&line->addresses[i]))};
	text_buffer_add(yaml, "    # The interface, for packets of all programs; without it, streams "
						  "alone.\n    addresses: ");
	init_networks_add_prefixes(yaml, own, line->address_count);
	if (line->dns_count == 0)
		return;
	text_buffer_add(yaml, "    dns:\n      servers: ");
	init_networks_add_addresses(yaml, line->dns, line->dns_count);
}

static void add_server(struct text_buffer *yaml, const struct stream_line *line) {
	char key[TEXT_KEY_BASE64_SIZE];
	text_key_encode(line->server_key, key);
	bool brackets = strchr(line->host, ':');
	text_buffer_add(yaml,
					"    peers:\n      - name: server\n        public_key: \"%s\"\n"
					"        endpoint: \"%s%s%s:%u\"\n",
					key, brackets ? "[" : "", line->host, brackets ? "]" : "", line->port);
	if (line->address_count == 0 || line->route_count == 0)
		return;
	text_buffer_add(yaml, "        # What this host sends through the tunnel.\n"
						  "        allowed_ips: ");
	init_networks_add_prefixes(yaml, line->routes, line->route_count);
}

static bool is_plain(const char *text) {
	return !strchr(text, '"') && !strchr(text, '\\');
}

/* way: from the YAML to the directory. False: something in the line cannot stand in YAML. */
static bool add_tunnel(struct text_buffer *yaml, const struct stream_line *line, const char *name,
					   const char *way, uint16_t proxy) {
	if (!is_plain(line->server_name) || !is_plain(line->host) || !is_plain(line->cookie) ||
		!is_plain(line->path))
		return false;
	text_buffer_add(yaml,
					"tunnels:\n  %s:\n    protocol: %s\n    role: client\n"
					"    private_key_file: %skeys/%s.key\n",
					name, config_stream_protocol(), way, name);
	add_tls(yaml, line);
	add_network(yaml, line);
	text_buffer_add(yaml,
					"    # SOCKS5 and HTTP proxy for the programs of this host.\n"
					"    proxy: { listen: \"127.0.0.1:%u\" }\n",
					proxy);
	if (line->cookie[0] || line->path[0])
		text_buffer_add(yaml, "    streams: { cookie: \"%s\", path: \"%s\" }\n",
						line->cookie[0] ? line->cookie : "session",
						line->path[0] ? line->path : "/");
	add_server(yaml, line);
	return true;
}

int init_stream_check(const struct streams *streams, const char *command, const char *yaml) {
	const struct config_source source = {
		.path = "the new configuration", .text = yaml, .text_size = strlen(yaml)};
	struct config_errors errors;
	struct config *config;
	enum err error = config_load(&source, &config, &errors);
	for (size_t i = 0; i < errors.count; i++)
		output_message(streams, "%s: %s", command, errors.lines[i]);
	if (!error)
		config_free(config);
	else if (errors.count == 0)
		output_message(streams, "%s: %s", command, err_text(error));
	config_errors_done(&errors);
	return error ? STATUS_FAILED : STATUS_OK;
}

enum err init_stream_add_key(struct init_files *files, const char *name,
							 const uint8_t key[static TEXT_KEY_SIZE]) {
	struct {
		char line[TEXT_KEY_BASE64_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	char path[CONFIG_NAME_SIZE + 16];
	(void)snprintf(path, sizeof path, "keys/%s.key", name);
	text_key_encode(key, s.line);
	s.line[sizeof s.line - 1] = '\n';
	return init_files_add(files, path, 0600, s.line, sizeof s.line);
}

static int tell(const struct streams *streams, const struct stream_line *line, const char *name,
				const char *file, const struct init_stream_target *target, uint16_t proxy) {
	auto_text_buffer struct text_buffer text = {0};
	text_buffer_add(&text,
					"Made in %s:\n  %s  the tunnel %s\n  keys/%s.key  its private key\n\nNext:\n",
					target->directory, file, name, name);
	if (strcmp(file, "umbra.yaml") == 0)
		text_buffer_add(&text, "  umbrad -c %s/umbra.yaml  starts it\n", target->directory);
	else
		text_buffer_add(&text, "  umbra reload  brings it up, if umbra.yaml has include: "
							   "[tunnels/*.yaml]\n");
	for (size_t i = 0; i < line->route_count && line->address_count > 0; i++)
		if (line->routes[i].length == 0) {
			text_buffer_add(&text, "  everything goes through it then, or nowhere: its kill switch "
								   "is on, see umbra.yaml(5)\n");
			break;
		}
	text_buffer_add(&text,
					"  curl --socks5-hostname 127.0.0.1:%u https://example.com/  goes through "
					"it\n",
					proxy);
	return output_buffer(streams, &text);
}

static int make(const struct streams *streams, const char *command, const struct stream_line *line,
				const struct init_stream_target *target, struct init_files *files) {
	const char *name = target->name ? target->name : "out";
	char file[CONFIG_NAME_SIZE + 16] = "umbra.yaml";
	bool is_main = !init_files_exists(files, file);
	const uint16_t proxy = init_whole_port(target->directory, name, PROXY_PORT);
	auto_text_buffer struct text_buffer yaml = {0};
	if (!is_main)
		(void)snprintf(file, sizeof file, "tunnels/%s.yaml", name);
	else
		text_buffer_add(&yaml, "%s\n", init_plan_head);
	if (!add_tunnel(&yaml, line, name, is_main ? "" : "../", proxy)) {
		output_message(streams, "%s: the line has characters that a configuration cannot hold",
					   command);
		return STATUS_FAILED;
	}
	if (yaml.failed) {
		output_message(streams, "%s: %s", command, err_text(ERR_NO_MEMORY));
		return STATUS_FAILED;
	}
	/* Without the head, whose pattern of files is relative to a folder that is not there yet. */
	int status = init_stream_check(streams, command, strstr(yaml.text, "tunnels:\n"));
	if (status != STATUS_OK)
		return status;
	enum err error = init_stream_add_key(files, name, line->private_key);
	if (!error)
		error = init_files_add(files, file, 0600, yaml.text, yaml.size);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		return STATUS_FAILED;
	}
	status = init_whole_commit(streams, command, files, target->force);
	return status == STATUS_OK ? tell(streams, line, name, file, target, proxy) : status;
}

int init_stream_client(const struct streams *streams, const char *command,
					   const struct stream_line *line, const struct init_stream_target *target) {
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
