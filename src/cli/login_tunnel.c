#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/wipe.h"
#include "cli/import_source.h"
#include "cli/init_files.h"
#include "cli/init_plan.h"
#include "cli/init_streams.h"
#include "cli/init_whole.h"
#include "cli/login.h"
#include "cli/text_buffer.h"
#include "crypto/certificate.h"
#include "crypto/chain.h"
#include "ctl/view.h"

static const char command[] = "login";

enum { PATH_SIZE = CONFIG_NAME_SIZE + 24 };

static enum err read_pin(const char *text, uint8_t out_pin[static CERTIFICATE_PIN_SIZE]) {
	return text_hex_decode(text, strlen(text), out_pin, CERTIFICATE_PIN_SIZE) &&
				   certificate_pin_parse(text, out_pin)
			   ? ERR_INVALID
			   : ERR_OK;
}

bool login_tunnel_is_pin(const char *text) {
	uint8_t pin[CERTIFICATE_PIN_SIZE];
	return read_pin(text, pin) == ERR_OK;
}

/* Of the configuration's own, as the file that was given may go away. */
static int add_authorities(const struct streams *streams, const struct login_tunnel *tunnel,
						   struct init_files *files) {
	struct import_source source;
	struct chain_trust *trust = NULL;
	char path[PATH_SIZE];
	int status = import_source_read_public(streams, command, tunnel->ca, &source);
	if (status != STATUS_OK)
		return status;
	enum err error = chain_trust_new(slice_of_text(source.text), slice_of(NULL, 0), &trust);
	chain_trust_free(trust);
	if (error == ERR_MALFORMED) {
		output_message(streams,
					   "%s: %s holds no authority of Ed25519 in PEM, as the ca.pem of "
					   "'umbra ca init'",
					   command, source.name);
	} else if (!error) {
		(void)snprintf(path, sizeof path, "keys/%s-ca.pem", tunnel->name);
		error = init_files_add(files, path, 0644, source.text, source.size);
	}
	if (error && error != ERR_MALFORMED)
		output_message(streams, "%s: %s", command, err_text(error));
	import_source_done(&source);
	return error ? STATUS_FAILED : STATUS_OK;
}

static enum err add_password(const struct login_tunnel *tunnel, struct init_files *files) {
	struct {
		char line[PASSWORD_INPUT_MAX + 2];
	} s;
	WIPE_ON_EXIT(s);
	char path[PATH_SIZE];
	const int size = snprintf(s.line, sizeof s.line, "%s\n", tunnel->password->text);
	(void)snprintf(path, sizeof path, "keys/%s.password", tunnel->name);
	return init_files_add(files, path, 0600, s.line, (size_t)size);
}

static void add_auth(struct text_buffer *yaml, const struct login_tunnel *tunnel, const char *way) {
	text_buffer_add(yaml, "    auth:\n      username: \"%s\"\n", tunnel->user);
	if (tunnel->password)
		text_buffer_add(yaml, "      password_file: %skeys/%s.password\n", way, tunnel->name);
	if (tunnel->ca) {
		text_buffer_add(yaml, "      ca_file: %skeys/%s-ca.pem\n", way, tunnel->name);
	} else {
		uint8_t pin[CERTIFICATE_PIN_SIZE];
		char text[CERTIFICATE_PIN_TEXT_SIZE] = "";
		if (!read_pin(tunnel->pin, pin))
			certificate_pin_format(pin, text);
		text_buffer_add(yaml, "      pin: \"%s\"\n", text);
	}
}

static void add_tunnel(struct text_buffer *yaml, const struct login_tunnel *tunnel,
					   const char *way) {
	text_buffer_add(yaml,
					"tunnels:\n  # The name of the interface, too.\n  %s:\n    protocol: %s\n"
					"    role: client\n    endpoints: [\"%s\"]\n",
					tunnel->name, config_login_protocol(), tunnel->endpoint);
	add_auth(yaml, tunnel, way);
	text_buffer_add(yaml, "    # Addresses, name servers and routes come from the server; "
						  "umbra.yaml(5) has what of\n    # that can stand here instead.\n");
	if (!tunnel->split)
		text_buffer_add(yaml, "    # Everything goes through it, or nowhere.\n"
							  "    routes: { include: [\"0.0.0.0/0\", \"::/0\"] }\n");
}

/* Files that are there already lack a name of their own, not force. */
static const char hint[] = "--name TUNNEL takes another name";

static int place(const struct streams *streams, struct login_tunnel *tunnel) {
	struct init_files *files = &tunnel->files;
	char file[PATH_SIZE] = "umbra.yaml";
	const bool is_main = !init_files_exists(files, file);
	auto_text_buffer struct text_buffer yaml = {0};
	if (!is_main)
		(void)snprintf(file, sizeof file, "tunnels/%s.yaml", tunnel->name);
	else
		text_buffer_add(&yaml, "%s\n", init_plan_head);
	add_tunnel(&yaml, tunnel, is_main ? "" : "../");
	enum err error = yaml.failed ? ERR_NO_MEMORY : ERR_OK;
	/* Without the head, whose pattern of files is relative to a folder that is not there yet. */
	if (!error) {
		int status = init_stream_check(streams, command, strstr(yaml.text, "tunnels:\n"));
		if (status != STATUS_OK)
			return status;
		/* The configuration last: at no moment does it name what is not there. */
		if (tunnel->password)
			error = add_password(tunnel, files);
	}
	if (!error)
		error = init_files_add(files, file, 0600, yaml.text, yaml.size);
	if (error) {
		output_message(streams, "%s: %s", command, err_text(error));
		return STATUS_FAILED;
	}
	int status = init_whole_place(streams, command, files, false);
	if (status != STATUS_OK)
		return status;
	if (init_whole_lacks(tunnel->directory, tunnel->name)) {
		init_files_take_back(files);
		output_message(streams,
					   "%s: %s/umbra.yaml does not take in tunnels/%s.yaml, and nothing was made; "
					   "put include: [tunnels/*.yaml] there, and log in again",
					   command, tunnel->directory, tunnel->name);
		return STATUS_FAILED;
	}
	init_files_keep(files);
	output_message(streams, "%s: made %s/%s, the tunnel %s", command, tunnel->directory, file,
				   tunnel->name);
	char other[CONFIG_NAME_SIZE];
	if (!tunnel->split && init_whole_takes_all(tunnel->directory, tunnel->name, other))
		output_message(
			streams,
			"%s: everything is to go through %s already, and goes through one of the two "
			"while both are up; --split makes a tunnel that takes what its server says",
			command, other);
	return STATUS_OK;
}

int login_tunnel_make(const struct streams *streams, struct login_tunnel *tunnel) {
	init_files_init(&tunnel->files, tunnel->directory);
	tunnel->files.hint = hint;
	int status = tunnel->ca ? add_authorities(streams, tunnel, &tunnel->files) : STATUS_OK;
	if (status == STATUS_OK)
		status = place(streams, tunnel);
	return status;
}

void login_tunnel_take_back(struct login_tunnel *tunnel) {
	init_files_take_back(&tunnel->files);
}

int login_tunnel_remember(const struct streams *streams, const struct login_tunnel *tunnel) {
	struct init_files files;
	init_files_init(&files, tunnel->directory);
	enum err error = add_password(tunnel, &files);
	int status = STATUS_FAILED;
	if (error)
		output_message(streams, "%s: %s", command, err_text(error));
	else
		status = init_files_commit(streams, command, &files, true);
	init_files_done(&files);
	return status;
}

void login_tunnel_done(struct login_tunnel *tunnel) {
	init_files_done(&tunnel->files);
}

/* What a name would get into the way of; NULL: nothing. */
static const char *taken_by(const struct view_status *status, const char *directory,
							const char *name) {
	static const struct {
		const char *before, *behind;
	} paths[] = {{"tunnels/", ".yaml"}, {"keys/", "-ca.pem"}, {"keys/", ".password"}};
	struct init_files files;
	const char *by = NULL;
	for (size_t i = 0; status && !by && i < status->tunnel_count; i++)
		if (strcmp(status->tunnels[i].name, name) == 0)
			by = "a tunnel";
	if (!by && init_whole_has(directory, name))
		by = "a tunnel";
	init_files_init(&files, directory);
	for (size_t i = 0; !by && i < sizeof paths / sizeof paths[0]; i++) {
		char path[PATH_SIZE];
		(void)snprintf(path, sizeof path, "%s%s%s", paths[i].before, name, paths[i].behind);
		if (init_files_exists(&files, path))
			by = "a file of a tunnel";
	}
	init_files_done(&files);
	return by || if_nametoindex(name) == 0 ? by : "an interface";
}

int login_tunnel_name(const struct streams *streams, const struct view_status *status,
					  const char *wanted, struct login_tunnel *tunnel) {
	const char *by = NULL;
	for (unsigned i = 0; i <= CONFIG_TUNNELS_MAX && (i == 0 || by); i++) {
		if (wanted)
			(void)snprintf(tunnel->name, sizeof tunnel->name, "%s", wanted);
		else
			(void)snprintf(tunnel->name, sizeof tunnel->name, "um%u", i);
		by = taken_by(status, tunnel->directory, tunnel->name);
		if (wanted)
			break;
	}
	if (by)
		output_message(streams, "%s: there is %s called %s already; %s", command, by, tunnel->name,
					   hint);
	return by ? STATUS_FAILED : STATUS_OK;
}
