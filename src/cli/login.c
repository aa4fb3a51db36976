#include "cli/login.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/connection.h"
#include "cli/init_files.h"
#include "cli/init_hub.h"
#include "cli/init_plan.h"
#include "cli/text_buffer.h"
#include "conf/value.h"
#include "ctl/client.h"
#include "ctl/view_login.h"

enum { USER, CA, PIN, PASSWORD_FILE, REMEMBER, SPLIT, NAME, DIRECTORY, SOCKET };

const struct command_option login_options[] = {
	[USER] = {"--user", "NAME", "who you are; else the configuration says, or you are asked",
			  false},
	[CA] = {"--ca", "FILE", "the authority that vouches for a new server: its ca.pem", false},
	[PIN] = {"--pin", "PIN", "the key of a new server's certificate: sha256/… or 64 hex digits",
			 false},
	[PASSWORD_FILE] = {"--password-file", "FILE", "its one line is the password; - is the input",
					   false},
	[REMEMBER] = {"--remember", NULL, "keep the password of a new tunnel, in a file", false},
	[SPLIT] = {"--split", NULL, "a new tunnel takes what the server says; else everything", false},
	[NAME] = {"--name", "TUNNEL", "what a new tunnel and its interface are called; um0, um1, …",
			  false},
	[DIRECTORY] = {"--directory", "PATH", "where a new tunnel's files go; where the daemon's are",
				   false},
	[SOCKET] = COMMAND_SOCKET_OPTION,
	{0},
};

const char login_help[] =
	"Logs in to a server: HOST is its name or address, perhaps with a port, or the name of a\n"
	"tunnel. Asks for name and password, brings the tunnel up, and says whether the server has\n"
	"let you in: exit code 0, otherwise 1. The daemon keeps the password in memory until the\n"
	"tunnel goes down, and comes back by tickets of the server's. Where the configuration has no\n"
	"tunnel to that server one is made, in a file of its own beside umbra.yaml.\n"
	"\n"
	"  umbra login vpn.example.org --ca ca.pem\n"
	"  umbra login vpn.example.org\n";

static const char name[] = "login";

enum { USER_MAX = 63, ATTEMPTS = 3 /* of a person at a terminal */ };

struct login {
	const struct streams *streams;
	const struct command_line *options;
	struct ctl_client *client;
	const char *host;
	char endpoint[INIT_ENDPOINT_SIZE]; /* "": the host can be none */
	char *tunnel;                      /* its name, on the heap; NULL: the configuration has none */
	char *known_user;                  /* likewise: who logs in there */
	char *directory;                   /* likewise: of the configuration; NULL: not known */
	char *configuration;               /* likewise: its file */
	bool no_daemon;
	struct login_tunnel made; /* where the configuration has none */
	char user[USER_MAX + 1];
	struct { /* wiped */
		struct password_input password;
	} secrets;
};

static int usage(const struct login *login, const char *text) {
	output_message(login->streams, "%s: %s", name, text);
	return STATUS_USAGE;
}

/* Whether one of the tunnel's peers is reached there. */
static bool leads_to(const struct view_tunnel *tunnel, const char *endpoint) {
	for (size_t i = 0; i < tunnel->shown; i++)
		if (tunnel->peers[i].endpoint_name &&
			strcasecmp(tunnel->peers[i].endpoint_name, endpoint) == 0)
			return true;
	return false;
}

static int take_tunnel(struct login *login, const struct view_status *status) {
	for (size_t i = 0; i < status->tunnel_count; i++) {
		const struct view_tunnel *tunnel = &status->tunnels[i];
		const bool named = strcmp(tunnel->name, login->host) == 0;
		const bool fits = tunnel->protocol && config_logs_in(tunnel->protocol);
		if (named && !fits) {
			output_message(login->streams, "%s: %s is no tunnel that one logs in by", name,
						   tunnel->name);
			return STATUS_FAILED;
		}
		if (!named && !(fits && leads_to(tunnel, login->endpoint)))
			continue;
		login->tunnel = strdup(tunnel->name);
		login->known_user = tunnel->username ? strdup(tunnel->username) : NULL;
		if (login->tunnel && (login->known_user || !tunnel->username))
			return STATUS_OK;
		output_message(login->streams, "%s: %s", name, err_text(ERR_NO_MEMORY));
		return STATUS_FAILED;
	}
	return STATUS_OK;
}

/* Of a new one. */
static int name_tunnel(struct login *login, const struct view_status *status) {
	const char *const *values = login->options->values;
	if (login->tunnel || !login->endpoint[0] || !(values[CA] || values[PIN]))
		return STATUS_OK; /* or about to be refused */
	login->made.directory = values[DIRECTORY]  ? values[DIRECTORY]
							: login->directory ? login->directory
											   : INIT_FILES_DIRECTORY;
	return login_tunnel_name(login->streams, status, values[NAME], &login->made);
}

/* Without a daemon there may be one later, for a tunnel that is made now. */
static int find_tunnel(struct login *login) {
	struct view_status status;
	struct view_error problem = {0};
	enum err error = ctl_client_status(login->client, 1, &status, &problem);
	login->no_daemon = problem.status == 0 && (error == ERR_NOT_FOUND || error == ERR_CLOSED);
	if (error &&
		(!login->no_daemon || !(login->options->values[CA] || login->options->values[PIN])))
		return connection_fail(login->streams, name, error, &problem);
	view_error_done(&problem);
	if (error)
		return name_tunnel(login, NULL);
	const char *slash = status.configuration ? strrchr(status.configuration, '/') : NULL;
	if (slash && slash > status.configuration) {
		login->directory = strndup(status.configuration, (size_t)(slash - status.configuration));
		login->configuration = strdup(status.configuration);
	}
	int result = take_tunnel(login, &status);
	if (result == STATUS_OK)
		result = name_tunnel(login, &status);
	view_status_done(&status);
	return result;
}

/* Options that are about a new tunnel, or what it needs. */
static int check_options(const struct login *login) {
	static const int of_new[] = {CA, PIN, REMEMBER, SPLIT, NAME, DIRECTORY};
	const char *const *values = login->options->values;
	if (!login->tunnel && !login->endpoint[0])
		return usage(login, "HOST is a name or an address, perhaps with a port: vpn.example.org, "
							"192.0.2.1:51820, [2001:db8::1]:51820");
	if (!login->tunnel && !values[CA] && !values[PIN]) {
		output_message(login->streams,
					   "%s: the configuration has no tunnel to %s; to make one, say what vouches "
					   "for the server, as its operator gives it: --ca FILE, the ca.pem of its "
					   "authority, or --pin PIN, which 'umbra ca list' prints there",
					   name, login->endpoint);
		return STATUS_FAILED;
	}
	for (size_t i = 0; login->tunnel && i < sizeof of_new / sizeof of_new[0]; i++) {
		if (!values[of_new[i]])
			continue;
		output_message(
			login->streams,
			"%s: %s is for a new tunnel, and %s leads there already: 'umbra login %s' is "
			"enough; what it trusts stands in the configuration, see auth in "
			"umbra.yaml(5)",
			name, login_options[of_new[i]].name, login->tunnel, login->tunnel);
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

static int ask_user(struct login *login) {
	static const char question[] = "User: ";
	size_t used = 0;
	char letter = '\0';
	if (!isatty(login->streams->input))
		return usage(login, "nobody is there to be asked who you are: --user NAME");
	if (write(login->streams->error, question, sizeof question - 1) < 0)
		return STATUS_FAILED;
	for (;;) {
		ssize_t size = read(login->streams->input, &letter, 1);
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0 || letter == '\n')
			break;
		if (used < USER_MAX)
			login->user[used] = letter;
		used++;
	}
	login->user[used <= USER_MAX ? used : 0] = '\0';
	return STATUS_OK;
}

static int take_user(struct login *login) {
	const char *given = login->options->values[USER];
	const char *known = given ? given : login->known_user;
	int status = STATUS_OK;
	if (known && strlen(known) <= USER_MAX)
		memcpy(login->user, known, strlen(known) + 1);
	else if (!known)
		status = ask_user(login);
	if (status == STATUS_OK && !value_is_label(login->user))
		status = usage(login, "a user's name has up to 63 letters, digits, spaces and _.@-, the "
							  "first one a letter or digit");
	return status;
}

static int order(const struct login *login, const char *verb, const char *body, char **out_message,
				 struct view_error *out_problem, enum err *out_error) {
	auto_text_buffer struct text_buffer path = {0};
	text_buffer_add(&path, "/v1/tunnels/");
	text_buffer_add_segment(&path, login->tunnel);
	text_buffer_add(&path, "/%s", verb);
	if (path.failed)
		return output_buffer(login->streams, &path);
	*out_error = ctl_client_do(login->client, "POST", path.text, body, out_message, out_problem);
	return STATUS_OK;
}

static int reload(const struct login *login) {
	auto_free char *message = NULL;
	struct view_error problem = {0};
	enum err error = ctl_client_do(login->client, "POST", "/v1/reload", NULL, &message, &problem);
	return error ? connection_fail(login->streams, name, error, &problem) : STATUS_OK;
}

static void take_back(struct login *login) {
	output_message(login->streams, "%s: the tunnel %s was not kept", name, login->made.name);
	login_tunnel_take_back(&login->made);
}

/* The daemon's configuration may be elsewhere than where the files went. */
static int find_made(struct login *login) {
	struct view_tunnel tunnel;
	struct view_error problem = {0};
	enum err error = ctl_client_tunnel(login->client, login->tunnel, &tunnel, &problem);
	if (!error) {
		view_tunnel_done(&tunnel);
		return STATUS_OK;
	}
	if (error != ERR_NOT_FOUND || problem.status == 0)
		return connection_fail(login->streams, name, error, &problem);
	view_error_done(&problem);
	output_message(login->streams,
				   "%s: umbrad reads %s, which does not take in files of %s/tunnels; put include: "
				   "[tunnels/*.yaml] there, and log in again",
				   name, login->configuration ? login->configuration : "another configuration",
				   login->made.directory);
	return STATUS_FAILED;
}

static int make_tunnel(struct login *login) {
	const char *const *values = login->options->values;
	struct login_tunnel *made = &login->made;
	made->user = login->user;
	made->ca = values[CA];
	made->pin = values[PIN];
	made->password = values[REMEMBER] ? &login->secrets.password : NULL;
	made->split = values[SPLIT] != NULL;
	memcpy(made->endpoint, login->endpoint, sizeof made->endpoint);
	int status = login_tunnel_make(login->streams, made);
	if (status != STATUS_OK)
		return status;
	login->tunnel = strdup(made->name);
	if (!login->tunnel)
		return STATUS_FAILED;
	if (login->no_daemon) {
		output_message(login->streams,
					   "%s: umbrad is not running; once it is ('umbrad -c %s/umbra.yaml'), 'umbra "
					   "login %s' logs in",
					   name, made->directory, made->name);
		return STATUS_NO_DAEMON;
	}
	status = reload(login);
	if (status == STATUS_OK)
		status = find_made(login);
	if (status != STATUS_OK)
		take_back(login);
	return status;
}

static int bring_up(const struct login *login) {
	auto_free char *message = NULL;
	struct view_error problem = {0};
	enum err error = ERR_OK;
	int status = order(login, "up", NULL, &message, &problem, &error);
	return error ? connection_fail(login->streams, name, error, &problem) : status;
}

/* What came of a login, when it was told. */
enum answer {
	ANSWER_IN,
	ANSWER_WRONG,    /* what was said is not right: who is there can say something else */
	ANSWER_DECLINED, /* this end does not trust that server, or has nothing that it wants */
	ANSWER_OTHER,
};

static enum answer answer_of(const struct view_error *problem) {
	if (problem->code && strcmp(problem->code, "credentials") == 0)
		return ANSWER_WRONG;
	return problem->code && strcmp(problem->code, "declined") == 0 ? ANSWER_DECLINED : ANSWER_OTHER;
}

static int log_in(const struct login *login, bool says, enum answer *out_answer) {
	struct view_login_request request = {.user = NULL};
	if (says) {
		request.user = (char *)login->user;
		request.password = (char *)login->secrets.password.text;
	}
	char *body;
	size_t size;
	auto_free char *message = NULL;
	struct view_error problem = {0};
	*out_answer = ANSWER_OTHER;
	enum err error = view_login_request_encode(&request, &body, &size);
	if (error) {
		output_message(login->streams, "%s: %s", name, err_text(error));
		return STATUS_FAILED;
	}
	int status = order(login, "login", body, &message, &problem, &error);
	wipe(body, size);
	free(body);
	if (error) {
		*out_answer = answer_of(&problem);
		return connection_fail(login->streams, name, error, &problem);
	}
	if (status != STATUS_OK)
		return status;
	*out_answer = ANSWER_IN;
	auto_text_buffer struct text_buffer line = {0};
	text_buffer_add_clean(&line, message ? message : "done");
	text_buffer_add(&line, "\n");
	return output_buffer(login->streams, &line);
}

static int ask_password(struct login *login) {
	return password_input_read(login->streams, name, login->options->values[PASSWORD_FILE],
							   login->user, false, &login->secrets.password);
}

/* People mistype. */
static int log_in_with_patience(struct login *login, bool is_new) {
	const bool remembers = login->options->values[REMEMBER] != NULL;
	const bool may_ask = !login->options->values[PASSWORD_FILE] && isatty(login->streams->input);
	enum answer answer;
	/* A new tunnel has what is remembered, and is on its way. */
	int status = log_in(login, !remembers, &answer);
	for (int attempt = 1; answer == ANSWER_WRONG && may_ask && attempt < ATTEMPTS; attempt++) {
		status = ask_password(login);
		if (status != STATUS_OK)
			break;
		status = log_in(login, true, &answer);
		if (answer == ANSWER_IN && remembers)
			status = login_tunnel_remember(login->streams, &login->made);
	}
	if (!is_new || !(answer == ANSWER_DECLINED || (answer == ANSWER_WRONG && remembers)))
		return status;
	take_back(login);
	(void)!reload(login);
	return status;
}

static int run(struct login *login) {
	int status = find_tunnel(login);
	const bool is_new = !login->tunnel;
	/* Nobody is there who could use it, and it is kept only if that was asked for. */
	const bool says_password = !login->no_daemon || login->options->values[REMEMBER];
	if (status == STATUS_OK)
		status = check_options(login);
	if (status == STATUS_OK)
		status = take_user(login);
	if (status == STATUS_OK && says_password)
		status = ask_password(login);
	if (status == STATUS_OK && is_new)
		status = make_tunnel(login);
	if (status == STATUS_OK)
		status = bring_up(login);
	return status == STATUS_OK ? log_in_with_patience(login, is_new) : status;
}

int login_run(const struct streams *streams, int count, char **arguments) {
	struct command_line line;
	struct login login = {.streams = streams, .options = &line};
	WIPE_ON_EXIT(login);
	int status = command_parse(streams, name, login_options, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	login.host = line.operands[0];
	if (init_endpoint_parse(login.host, INIT_HUB_PORT, login.endpoint))
		login.endpoint[0] = '\0';
	if (line.values[CA] && line.values[PIN])
		return usage(&login, "--ca FILE or --pin PIN, not both");
	if (line.values[PIN] && !login_tunnel_is_pin(line.values[PIN]))
		return usage(&login, "--pin takes sha256/ and 44 characters of base64, or 64 hexadecimal "
							 "digits");
	if (line.values[NAME] && !init_plan_is_name(line.values[NAME], CONFIG_NAME_SIZE - 1))
		return usage(&login, "--name takes up to 15 letters, digits and _-., the first one a "
							 "letter or digit");
	status = connection_open(streams, name, line.values[SOCKET], &login.client);
	if (status == STATUS_OK)
		status = run(&login);
	ctl_client_free(login.client);
	free(login.tunnel);
	free(login.known_user);
	free(login.directory);
	free(login.configuration);
	login_tunnel_done(&login.made);
	return status;
}
