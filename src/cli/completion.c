#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/completion_words.h"
#include "cli/connection.h"
#include "cli/text_buffer.h"
#include "ctl/client.h"
#include "ctl/view_user.h"

/* How long a shell waits for a daemon that does not answer, in seconds. */
enum { PATIENCE = 2, WORDS_MAX = 1024 };

const char completion_help[] =
	"Prints the script that lets a shell complete umbra's commands, options, tunnels,\n"
	"peers and users. It asks umbra itself each time, so it need not be made again for a newer "
	"one.\n"
	"\n"
	"  source <(umbra completion bash)       for this shell; in ~/.bashrc for every one\n"
	"  umbra completion bash > /usr/share/bash-completion/completions/umbra\n"
	"  umbra completion zsh  > /usr/local/share/zsh/site-functions/_umbra\n"
	"  umbra completion fish > ~/.config/fish/completions/umbra.fish\n";

static const char bash_script[] =
	"# bash completion of umbra(1), made by: umbra completion bash\n"
	"_umbra() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} shown=${COMP_WORDS[COMP_CWORD]} words candidate rest\n"
	"\t# Without -r: a backslash keeps the blank behind it in the word.\n"
	"\t# shellcheck disable=SC2162\n"
	"\tread -a words <<<\"$line\"\n"
	"\t[[ $line != *[[:space:]] ]] || words+=(\"\")\n"
	"\tlocal current=${words[${#words[@]} - 1]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS=$'\\t' read -r candidate rest; do\n"
	"\t\tif [[ $candidate == " COMPLETION_FILES " ]]; then\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t\twhile IFS= read -r candidate; do\n"
	"\t\t\t\tCOMPREPLY+=(\"$candidate\")\n"
	"\t\t\tdone < <(compgen -f -- \"$current\")\n"
	"\t\telse\n"
	"\t\t\t[[ $candidate != *[[:space:]]* ]] || printf -v candidate %q \"$candidate\"\n"
	"\t\t\tCOMPREPLY+=(\"$candidate\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${words[0]}\" completion --words -- \"${words[@]:1}\" 2>/dev/null)\n"
	"\t# bash replaces only what stands behind the last of COMP_WORDBREAKS.\n"
	"\tif [[ $current != \"$shown\" && $current == *\"$shown\" ]]; then\n"
	"\t\tlocal before=${current%\"$shown\"}\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]#\"$before\"}\")\n"
	"\tfi\n"
	"}\n"
	"complete -F _umbra umbra\n";

static const char zsh_script[] = "#compdef umbra\n"
								 "# zsh completion of umbra(1), made by: umbra completion zsh\n"
								 "_umbra() {\n"
								 "\tlocal line word\n"
								 "\tlocal -a candidates\n"
								 "\tfor line in \"${(@f)$(\"${words[1]}\" completion --words -- "
								 "\"${(@)words[2,CURRENT-1]}\" \"$PREFIX\" 2>/dev/null)}\"; do\n"
								 "\t\tif [[ $line == " COMPLETION_FILES " ]]; then\n"
								 "\t\t\t_files\n"
								 "\t\telif [[ -n $line ]]; then\n"
								 "\t\t\tword=${line%%$'\\t'*}\n"
								 "\t\t\tcandidates+=(\"${word//:/\\\\:}:${line#*$'\\t'}\")\n"
								 "\t\tfi\n"
								 "\tdone\n"
								 "\t(( $#candidates )) && _describe -t words 'umbra' candidates\n"
								 "}\n"
								 "if [[ $funcstack[1] == _umbra ]]; then\n"
								 "\t_umbra \"$@\"\n"
								 "else\n"
								 "\tcompdef _umbra umbra\n"
								 "fi\n";

static const char fish_script[] =
	"# fish completion of umbra(1), made by: umbra completion fish\n"
	"function __umbra_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tset -l current (commandline -ct)\n"
	"\tset -l program $words[1]\n"
	"\tset -e words[1]\n"
	"\tfor line in ($program completion --words -- $words \"$current\" 2>/dev/null)\n"
	"\t\tif test $line = " COMPLETION_FILES "\n"
	"\t\t\t__fish_complete_path \"$current\"\n"
	"\t\telse\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c umbra -f -a '(__umbra_complete)'\n";

static void give_up(int number) {
	_exit(STATUS_OK);
}

/* NULL when there is no daemon to ask, or none that this user may ask. */
static struct ctl_client *open_quietly(const char *socket) {
	struct ctl_client *client;
	return ctl_client_new(connection_socket(socket), &client) ? NULL : client;
}

static void add_tunnels(void *context, const char *socket, struct text_buffer *text) {
	struct ctl_client *client = open_quietly(socket);
	struct view_error problem = {0};
	struct view_status view;
	if (!client)
		return;
	if (!ctl_client_status(client, 0, &view, &problem)) {
		for (size_t i = 0; i < view.tunnel_count; i++) {
			text_buffer_add_clean(text, view.tunnels[i].name);
			text_buffer_add(text, "\ttunnel, %s\n", view_tunnel_state_name(view.tunnels[i].state));
		}
		view_status_done(&view);
	}
	view_error_done(&problem);
	ctl_client_free(client);
}

static void add_peers(void *context, const char *socket, const char *tunnel,
					  struct text_buffer *text) {
	struct ctl_client *client = open_quietly(socket);
	struct view_error problem = {0};
	struct view_peer *peers;
	size_t count;
	if (!client)
		return;
	if (!ctl_client_peers(client, tunnel, &peers, &count, &problem)) {
		for (size_t i = 0; i < count; i++) {
			text_buffer_add_clean(text, peers[i].name);
			text_buffer_add(text, "\tpeer, %s\n", view_peer_state_name(peers[i].state));
			view_peer_done(&peers[i]);
		}
		free(peers);
	}
	view_error_done(&problem);
	ctl_client_free(client);
}

static void add_users(void *context, const char *socket, struct text_buffer *text) {
	struct ctl_client *client = open_quietly(socket);
	struct view_error problem = {0};
	struct view_user *users;
	size_t count, size;
	auto_free char *answer = NULL;
	if (!client)
		return;
	if (!ctl_client_ask(client, "GET", "/v1/users", NULL, 0, &answer, &size, &problem) &&
		!view_users_decode(answer, size, &users, &count)) {
		for (size_t i = 0; i < count; i++) {
			text_buffer_add_clean(text, users[i].name);
			text_buffer_add(text, "\tuser%s\n", users[i].disabled ? ", disabled" : "");
		}
		view_users_free(users, count);
	}
	view_error_done(&problem);
	ctl_client_free(client);
}

static int complete(const struct streams *streams, int count, char **words) {
	const struct completion_source source = {NULL, add_tunnels, add_peers, add_users};
	const struct sigaction action = {.sa_handler = give_up};
	(void)sigaction(SIGALRM, &action, NULL);
	(void)alarm(PATIENCE);
	auto_text_buffer struct text_buffer text = {0};
	completion_words_add(commands_all, count, (const char *const *)words, &source, &text);
	int status = output_buffer(streams, &text);
	(void)alarm(0);
	return status;
}

int completion_run(const struct streams *streams, int count, char **arguments) {
	static const struct {
		const char *name, *script;
	} shells[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
	/* What the scripts call: the words behind "--", whatever they are. */
	if (count > 2 && count < WORDS_MAX && strcmp(arguments[0], "--words") == 0 &&
		strcmp(arguments[1], "--") == 0)
		return complete(streams, count - 2, arguments + 2);
	struct command_line line;
	int status = command_parse(streams, "completion", NULL, 1, 1, count, arguments, &line);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
		if (strcmp(line.operands[0], shells[i].name) == 0)
			return output_text(streams, shells[i].script);
	output_message(streams, "completion: knows bash, zsh and fish, not '%s'",
				   command_repeatable(line.operands[0]));
	return STATUS_USAGE;
}
