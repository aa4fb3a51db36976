#include "ctl/web.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "ctl/request.h"
#include "ctl/server.h"
#include "loop/control_loop.h"

struct web {
	struct request_host host;
	struct MHD_Daemon *daemon;
	struct control_watch *watch;
	struct control_timer *timer;
	void (*take)(void *context, struct ctl_request *request);
	void *context;
	unsigned connections;
	bool woken; /* since the library ran last */
};

static void take(void *context, struct ctl_request *request) {
	struct web *web = context;
	web->take(web->context, request);
}

static void woken(void *context) {
	struct web *web = context;
	web->woken = true;
	control_timer_set(web->timer, 0);
}

/* The library's next deadline, which every run may move. */
static void set_deadline(struct web *web) {
	unsigned long long milliseconds;
	if (web->woken)
		control_timer_set(web->timer, 0);
	else if (MHD_get_timeout(web->daemon, &milliseconds) == MHD_YES)
		control_timer_set(web->timer, milliseconds * CLOCK_MILLISECOND);
	else
		control_timer_stop(web->timer);
}

static void due(void *context) {
	struct web *web = context;
	web->woken = false;
	(void)MHD_run(web->daemon);
	set_deadline(web);
}

static void ready(void *context, uint32_t events) {
	due(context);
}

/* What the library would log is of use to nobody but its authors. */
static void say_nothing(void *context, const char *format, va_list arguments) {
}

/* Paths stay as they were sent, as "%2F" inside a name is no "/". */
static size_t keep_text(void *context, struct MHD_Connection *connection, char *text) {
	return strlen(text);
}

static enum err start(struct web *web, const struct web_options *options) {
	bool listens = options->listening >= 0;
	const unsigned flags = MHD_USE_EPOLL | (listens ? 0U : (unsigned)MHD_USE_NO_LISTEN_SOCKET) |
						   MHD_ALLOW_SUSPEND_RESUME | MHD_USE_SUPPRESS_DATE_NO_CLOCK;
	/* Ends the list of options where there is no socket. */
	enum MHD_OPTION socket = listens ? MHD_OPTION_LISTEN_SOCKET : MHD_OPTION_END;
	web->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, request_handle, &web->host, MHD_OPTION_EXTERNAL_LOGGER, say_nothing,
		NULL, MHD_OPTION_NOTIFY_COMPLETED, request_completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_text, NULL, MHD_OPTION_CONNECTION_LIMIT, options->connections,
		MHD_OPTION_CONNECTION_TIMEOUT, options->idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)WEB_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, socket, options->listening,
		MHD_OPTION_END);
	if (!web->daemon)
		return ERR_NO_MEMORY;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return ERR_UNSUPPORTED;
	enum err error = control_timer_new(options->loop, due, web, &web->timer);
	if (error)
		return error;
	return control_watch_new(options->loop, info->epoll_fd, EPOLLIN, ready, web, &web->watch);
}

enum err web_new(const struct web_options *options, struct web **out_web) {
	struct web *web = calloc(1, sizeof *web);
	if (!web) {
		if (options->listening >= 0)
			(void)close(options->listening);
		return ERR_NO_MEMORY;
	}
	web->take = options->take;
	web->context = options->context;
	web->connections = options->connections;
	web->host = (struct request_host){.take = take, .woken = woken, .context = web};
	request_host_init(&web->host);
	enum err error = start(web, options);
	if (error) {
		web_free(web, NULL);
		return error;
	}
	*out_web = web;
	return ERR_OK;
}

void web_free(struct web *web, struct list *heirs) {
	if (!web)
		return;
	control_watch_free(web->watch);
	/* The library ends only when nobody is suspended. */
	request_host_wake(&web->host);
	if (web->daemon)
		MHD_stop_daemon(web->daemon);
	control_timer_free(web->timer);
	request_host_done(&web->host, heirs);
	free(web);
}

enum err web_adopt(struct web *web, int descriptor) {
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	if (!info || info->num_connections >= web->connections) {
		(void)close(descriptor);
		return ERR_LIMIT;
	}
	const struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (MHD_add_connection(web->daemon, descriptor, (const struct sockaddr *)&address,
						   sizeof address) != MHD_YES)
		return ERR_NO_MEMORY;
	set_deadline(web);
	return ERR_OK;
}
