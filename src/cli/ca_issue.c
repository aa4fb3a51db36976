#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/wipe.h"
#include "cli/ca.h"
#include "cli/init_files.h"

/* ca init, ca issue */

enum {
	DAY = 24 * 60 * 60,
	DAYS_MAX = 36500,
};

const char ca_help[] = "An authority of one's own that vouches for servers and users: Ed25519 "
					   "certificates and a list\n"
					   "of those revoked, in files that any X.509 program reads. It needs no "
					   "daemon; keep its folder on\n"
					   "a machine that strangers do not reach.\n";

const struct command ca_commands[] = {
	{"init", "make an authority", ca_init_help, ca_init_run, NULL, ca_init_options, NULL},
	{"issue", "make a certificate and its key", ca_issue_help, ca_issue_run,
	 "server|client NAME...", ca_issue_options, NULL},
	{"revoke", "declare certificates void", ca_revoke_help, ca_revoke_run, "NAME|SERIAL",
	 ca_revoke_options, NULL},
	{"list", "list certificates", ca_list_help, ca_list_run, NULL, ca_list_options, NULL},
	{0},
};

/* "--days N" from now on. */
static int take_days(const struct streams *streams, const char *command, const char *text,
					 unsigned standard, int64_t *out_from, int64_t *out_until) {
	uint64_t days = standard;
	if (text && (text_unsigned_parse(text, strlen(text), DAYS_MAX, &days) || days == 0)) {
		output_message(streams, "%s: --days takes a number from 1 to %d", command, DAYS_MAX);
		return STATUS_USAGE;
	}
	int64_t now = (int64_t)(clock_wall_now() / CLOCK_SECOND);
	*out_from = now - AUTHORITY_SLACK;
	*out_until = now + (int64_t)days * DAY;
	return STATUS_OK;
}

static int fail(const struct streams *streams, const char *command, enum err error) {
	output_message(streams, "%s: %s", command, err_text(error));
	return STATUS_FAILED;
}

/* ca init */

enum { INIT_NAME, INIT_DAYS, INIT_DIRECTORY, INIT_FORCE };

const struct command_option ca_init_options[] = {
	[INIT_NAME] = {"--name", "NAME", "what certificates call their issuer; Umbra", false},
	[INIT_DAYS] = {"--days", "N", "how long it can vouch; 3650", false},
	[INIT_DIRECTORY] = CA_DIRECTORY_OPTION,
	[INIT_FORCE] = {"--force", NULL, "replace an authority that is there", false},
	{0},
};

const char ca_init_help[] =
	"Makes an authority: ca.pem, which everybody may have and clients need, ca.key, which nobody\n"
	"else may have, and crl.pem, the list of revoked certificates, which servers need.\n";

static enum err add_authority(struct init_files *files, const struct certificate_pair *pair,
							  int64_t now) {
	struct authority *authority;
	enum err error =
		authority_load(slice_of_text(pair->certificate), slice_of_text(pair->key), &authority);
	if (error)
		return error;
	char *list = NULL;
	error = authority_list(authority, now, &list);
	authority_free(authority);
	if (!error)
		error = init_files_add(files, CA_LIST, 0644, list, strlen(list));
	free(list);
	if (!error)
		error = init_files_add(files, CA_CERTIFICATE, 0644, pair->certificate,
							   strlen(pair->certificate));
	return error ? error : init_files_add(files, CA_KEY, 0600, pair->key, strlen(pair->key));
}

int ca_make(const struct streams *streams, const char *command, const char *directory,
			const char *issuer, int64_t from, int64_t until, bool force) {
	struct certificate_pair pair;
	WIPE_ON_EXIT(pair);
	enum err error = authority_make(issuer, from, until, &pair);
	if (error == ERR_INVALID) {
		output_message(streams, "%s: --name takes up to %d bytes of text", command,
					   AUTHORITY_NAME_SIZE_MAX);
		return STATUS_USAGE;
	}
	struct init_files files;
	init_files_init(&files, directory ? directory : CA_DIRECTORY);
	if (!error)
		error = add_authority(&files, &pair, from);
	int status =
		error ? fail(streams, command, error) : init_files_commit(streams, command, &files, force);
	if (status == STATUS_OK)
		output_message(streams, "%s: made an authority in %s", command, files.directory);
	init_files_done(&files);
	return status;
}

int ca_init_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "ca init";
	struct command_line line;
	int status = command_parse(streams, name, ca_init_options, 0, 0, count, arguments, &line);
	int64_t from = 0, until = 0;
	if (status == STATUS_OK)
		status = take_days(streams, name, line.values[INIT_DAYS], 3650, &from, &until);
	if (status != STATUS_OK)
		return status;
	const char *issuer = line.values[INIT_NAME] ? line.values[INIT_NAME] : "Umbra";
	return ca_make(streams, name, line.values[INIT_DIRECTORY], issuer, from, until,
				   line.values[INIT_FORCE] != NULL);
}

/* ca issue */

enum { ISSUE_DAYS, ISSUE_OUTPUT, ISSUE_DIRECTORY, ISSUE_FORCE };

const struct command_option ca_issue_options[] = {
	[ISSUE_DAYS] = {"--days", "N", "how long it is valid; 365", false},
	[ISSUE_OUTPUT] = {"--output", "PATH", "the folder for NAME.pem and NAME.key; the present one",
					  false},
	[ISSUE_DIRECTORY] = CA_DIRECTORY_OPTION,
	[ISSUE_FORCE] = {"--force", NULL, "replace files that are there", false},
	{0},
};

const char ca_issue_help[] =
	"Makes a key and its certificate: for a server its DNS names and addresses, for a client its\n"
	"user's name. The authority keeps the certificate, so that it can be revoked, and not the "
	"key.\n"
	"\n"
	"  umbra ca issue server vpn.example.org\n"
	"  umbra ca issue client alice\n";

static int take_request(const struct streams *streams, const char *command,
						const struct command_line *line, struct authority_request *request) {
	const char *kind = line->operands[0];
	bool server = strcmp(kind, "server") == 0;
	if (!server && strcmp(kind, "client") != 0) {
		output_message(streams, "%s: what is it for, 'server' or 'client'?", command);
		return STATUS_USAGE;
	}
	if (!server && line->count > 2) {
		output_message(streams, "%s: a client's certificate is for one user", command);
		return STATUS_USAGE;
	}
	request->use = server ? AUTHORITY_SERVER : AUTHORITY_CLIENT;
	request->names = (const char *const *)(line->operands + 1);
	request->name_count = (size_t)line->count - 1;
	request->user = line->operands[1];
	if (strchr(line->operands[1], '/') || line->operands[1][0] == '.') {
		output_message(streams, "%s: '%s' can be no file's name", command,
					   command_repeatable(line->operands[1]));
		return STATUS_USAGE;
	}
	return STATUS_OK;
}

/* The certificate into the authority's folder first: what is given away can be revoked. */
static int keep(const struct streams *streams, const char *command, const char *directory,
				const struct certificate_pair *pair) {
	struct authority_entry entry;
	char path[sizeof CA_ISSUED + sizeof entry.serial + sizeof ".pem"];
	enum err error = authority_describe(slice_of_text(pair->certificate), &entry);
	struct init_files files;
	init_files_init(&files, directory);
	if (!error) {
		(void)snprintf(path, sizeof path, CA_ISSUED "/%s.pem", entry.serial);
		error = init_files_add(&files, path, 0644, pair->certificate, strlen(pair->certificate));
	}
	int status =
		error ? fail(streams, command, error) : init_files_commit(streams, command, &files, false);
	init_files_done(&files);
	return status;
}

static int hand_out(const struct streams *streams, const char *command,
					const struct command_line *line, const struct certificate_pair *pair) {
	const char *output = line->values[ISSUE_OUTPUT];
	const char *name = line->operands[1];
	char certificate[AUTHORITY_ENTRY_NAME_SIZE + 8], key[sizeof certificate];
	(void)snprintf(certificate, sizeof certificate, "%s.pem", name);
	(void)snprintf(key, sizeof key, "%s.key", name);
	struct init_files files;
	init_files_init(&files, output ? output : ".");
	enum err error =
		init_files_add(&files, certificate, 0644, pair->certificate, strlen(pair->certificate));
	if (!error)
		error = init_files_add(&files, key, 0600, pair->key, strlen(pair->key));
	int status =
		error ? fail(streams, command, error)
			  : init_files_commit(streams, command, &files, line->values[ISSUE_FORCE] != NULL);
	if (status == STATUS_OK)
		output_message(streams, "%s: made %s/%s and %s", command, files.directory, certificate,
					   key);
	init_files_done(&files);
	return status;
}

int ca_issue(const struct streams *streams, const char *command, const char *directory,
			 const struct authority_request *request, struct certificate_pair *out_pair) {
	struct ca_folder folder;
	int status = ca_folder_open(streams, command, directory, &folder);
	if (status != STATUS_OK)
		return status;
	struct authority_request wanted = *request;
	if (wanted.valid_until == 0)
		wanted.valid_until = folder.valid_until;
	struct certificate_pair pair;
	WIPE_ON_EXIT(pair);
	enum err error = authority_issue(folder.authority, &wanted, &pair);
	if (error == ERR_EXPIRED)
		output_message(streams, "%s: the authority itself is not valid for so long: --days N",
					   command);
	else if (error == ERR_INVALID)
		output_message(streams, "%s: %s", command,
					   request->use == AUTHORITY_SERVER
						   ? "a server has DNS names and addresses"
						   : "a user's name is up to 64 bytes of text, ASCII with an '@'");
	else if (error)
		(void)fail(streams, command, error);
	status = error ? STATUS_FAILED : keep(streams, command, folder.directory, &pair);
	if (status == STATUS_OK)
		*out_pair = pair;
	ca_folder_close(&folder);
	return status;
}

int ca_issue_run(const struct streams *streams, int count, char **arguments) {
	static const char name[] = "ca issue";
	struct command_line line;
	int status = command_parse(streams, name, ca_issue_options, 2, 1 + CERTIFICATE_NAMES_MAX, count,
							   arguments, &line);
	struct authority_request request = {.user = NULL};
	if (status == STATUS_OK)
		status = take_request(streams, name, &line, &request);
	if (status == STATUS_OK)
		status = take_days(streams, name, line.values[ISSUE_DAYS], 365, &request.valid_from,
						   &request.valid_until);
	if (status != STATUS_OK)
		return status;
	struct certificate_pair pair;
	WIPE_ON_EXIT(pair);
	status = ca_issue(streams, name, line.values[ISSUE_DIRECTORY], &request, &pair);
	return status == STATUS_OK ? hand_out(streams, name, &line, &pair) : status;
}
