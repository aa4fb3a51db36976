#include "cli/password_input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wipe.h"
#include "cli/text_buffer.h"
#include "conf/utf8.h"

/* Room for CR and LF, and for one byte more, which tells that there is more. */
enum { INPUT_SIZE = PASSWORD_INPUT_MAX + 3 };

/* -1 with errno when reading fails. A terminal gives a line at a time, which is all of it. */
static ssize_t read_input(int descriptor, bool line, char data[static INPUT_SIZE]) {
	size_t used = 0;
	while (used < INPUT_SIZE) {
		ssize_t size = read(descriptor, data + used, INPUT_SIZE - used);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return -1;
		used += (size_t)size;
		if (size == 0 || (line && data[used - 1] == '\n'))
			break;
	}
	return (ssize_t)used;
}

static bool is_utf8(const char *text) {
	uint32_t point;
	for (size_t size; *text; text += size)
		if ((size = utf8_next(text, &point)) == 0)
			return false;
	return true;
}

/* Says what is wrong with the password, without repeating any of it. data gets a NUL. */
static int take(const struct streams *streams, const char *command, const char *place, char *data,
				size_t size, struct password_input *out_password) {
	if (size > 0 && data[size - 1] == '\n')
		size -= size > 1 && data[size - 2] == '\r' ? 2 : 1;
	if (size == 0)
		output_message(streams, "%s: there is no password on %s", command, place);
	else if (memchr(data, '\n', size))
		output_message(streams, "%s: there is more than one line on %s", command, place);
	else if (size > PASSWORD_INPUT_MAX)
		output_message(streams, "%s: the password has more than %d bytes", command,
					   PASSWORD_INPUT_MAX);
	else if (memchr(data, '\0', size) || (data[size] = '\0', !is_utf8(data)))
		output_message(streams, "%s: the password is not text in UTF-8", command);
	else {
		memcpy(out_password->text, data, size + 1);
		return STATUS_OK;
	}
	return STATUS_FAILED;
}

static int read_from(const struct streams *streams, const char *command, int descriptor,
					 const char *place, struct password_input *out_password) {
	struct {
		char text[INPUT_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	ssize_t size = read_input(descriptor, false, s.text);
	if (size < 0) {
		output_message(streams, "%s: cannot read %s: %s", command, place, strerror(errno));
		return STATUS_FAILED;
	}
	return take(streams, command, place, s.text, (size_t)size, out_password);
}

/* A terminal that shows nothing, and signals that wait. */
struct silence {
	int terminal, signals;
	struct termios before;
	sigset_t mask;
};

static bool silence_begin(struct silence *silence, int terminal) {
	sigset_t ending;
	struct termios quiet;
	silence->terminal = terminal;
	(void)sigemptyset(&ending);
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		(void)sigaddset(&ending, numbers[i]);
	if (tcgetattr(terminal, &silence->before) || sigprocmask(SIG_BLOCK, &ending, &silence->mask))
		return false;
	silence->signals = signalfd(-1, &ending, SFD_CLOEXEC);
	quiet = silence->before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	quiet.c_lflag |= ICANON | ECHONL;
	if (silence->signals >= 0 && !tcsetattr(terminal, TCSAFLUSH, &quiet))
		return true;
	int number = errno;
	if (silence->signals >= 0)
		(void)close(silence->signals);
	(void)sigprocmask(SIG_SETMASK, &silence->mask, NULL);
	errno = number;
	return false;
}

static void silence_end(const struct silence *silence) {
	int number = errno;
	(void)tcsetattr(silence->terminal, TCSADRAIN, &silence->before);
	(void)close(silence->signals);
	(void)sigprocmask(SIG_SETMASK, &silence->mask, NULL);
	errno = number;
}

/* The signal that came before anything was typed to the end; 0: a line can be read. */
static int wait_for_line(const struct silence *silence) {
	struct pollfd waiting[] = {{.fd = silence->terminal, .events = POLLIN},
							   {.fd = silence->signals, .events = POLLIN}};
	struct signalfd_siginfo information;
	while (poll(waiting, 2, -1) < 0 && errno == EINTR)
		continue;
	if ((waiting[1].revents & POLLIN) &&
		read(silence->signals, &information, sizeof information) == sizeof information)
		return (int)information.ssi_signo;
	return 0;
}

/* -1 with errno, or EINTR where a signal did not end the program. */
static ssize_t read_silently(const struct streams *streams, const char *question,
							 char data[static INPUT_SIZE]) {
	struct silence silence;
	if (!silence_begin(&silence, streams->input))
		return -1;
	/* Only now, when what is typed is not shown any more. */
	int ending = 0;
	ssize_t size = -1;
	if (write(streams->error, question, strlen(question)) >= 0) {
		ending = wait_for_line(&silence);
		size = ending ? -1 : read_input(streams->input, true, data);
	}
	silence_end(&silence);
	if (ending) {
		(void)raise(ending);
		errno = EINTR;
	}
	return size;
}

static int ask(const struct streams *streams, const char *command, const char *question,
			   struct password_input *out_password) {
	struct {
		char text[INPUT_SIZE];
	} s;
	WIPE_ON_EXIT(s);
	ssize_t size = read_silently(streams, question, s.text);
	if (size < 0) {
		output_message(streams, "%s: cannot ask for the password: %s", command, strerror(errno));
		return STATUS_FAILED;
	}
	return take(streams, command, "the terminal", s.text, (size_t)size, out_password);
}

static int ask_for(const struct streams *streams, const char *command, const char *of, bool twice,
				   struct password_input *out_password) {
	struct {
		struct password_input first, second;
	} s;
	WIPE_ON_EXIT(s);
	auto_text_buffer struct text_buffer question = {0};
	text_buffer_add(&question, "Password of ");
	text_buffer_add_clean(&question, of);
	text_buffer_add(&question, ": ");
	if (question.failed)
		return output_buffer(streams, &question);
	int status = ask(streams, command, question.text, &s.first);
	if (status == STATUS_OK && twice)
		status = ask(streams, command, "Once more: ", &s.second);
	if (status != STATUS_OK)
		return status;
	if (twice && strcmp(s.first.text, s.second.text) != 0) {
		output_message(streams, "%s: these were two different passwords", command);
		return STATUS_FAILED;
	}
	*out_password = s.first;
	return STATUS_OK;
}

int password_input_read(const struct streams *streams, const char *command, const char *path,
						const char *of, bool twice, struct password_input *out_password) {
	if (!path && isatty(streams->input))
		return ask_for(streams, command, of, twice, out_password);
	if (!path || strcmp(path, "-") == 0)
		return read_from(streams, command, streams->input, "standard input", out_password);
	auto_close int descriptor = open(path, O_RDONLY | O_CLOEXEC);
	if (descriptor < 0) {
		output_message(streams, "%s: cannot open %s: %s", command, path, strerror(errno));
		return STATUS_FAILED;
	}
	return read_from(streams, command, descriptor, path, out_password);
}
