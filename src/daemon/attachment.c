#include "daemon/attachment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/privileged.h"
#include "wire/uapi.h"

#define tell(out_problem, ...) (void)snprintf(out_problem, ATTACHMENT_PROBLEM_SIZE, __VA_ARGS__)

static const char *explain_tun(enum err error) {
	switch (error) {
	case ERR_EXISTS:
		return "an interface of this name exists already; choose another name, or delete it if it "
			   "is left over";
	case ERR_PERMISSION:
		return "not permitted to create the interface; run it as root (CAP_NET_ADMIN)";
	case ERR_NOT_FOUND:
	case ERR_NO_DEVICE:
	case ERR_WRONG_KIND:
		return "/dev/net/tun is missing or no TUN device; load the module (\"modprobe tun\") or "
			   "give the container "
			   "the device";
	case ERR_INVALID:
		return "the kernel refuses an interface of this name; choose another";
	default:
		return NULL;
	}
}

static enum err open_tun(struct attachment *attachment, char *out_problem) {
	struct tun_request request = {
		.name = attachment->name,
		.queues = attachment->request.shards,
		.no_header = attachment->request.no_header,
		.no_udp = attachment->request.no_udp,
	};
	enum err error = tun_open(&request, &attachment->tun);
	if (error == ERR_UNSUPPORTED && request.queues > 1) {
		request.queues = 1;
		log_warning("%sthe kernel has no TUN interfaces of several queues; one shard is used",
					attachment->prefix);
		error = tun_open(&request, &attachment->tun);
	}
	if (error) {
		const char *reason = explain_tun(error);
		if (reason)
			tell(out_problem, "%s", reason);
		else
			tell(out_problem, "the TUN interface could not be created: %s", err_text(error));
	}
	return error;
}

static enum err open_listener(struct attachment *attachment, char *out_problem) {
	char name[TUN_NAME_SIZE + sizeof ".sock"];
	(void)snprintf(name, sizeof name, "%s.sock", attachment->name);
	enum err error = unix_listener_open(UAPI_SOCKET_DIRECTORY, name, &attachment->listener);
	if (error == ERR_EXISTS)
		tell(out_problem,
			 "already running: somebody serves " UAPI_SOCKET_DIRECTORY
			 "/%s, from whichever network namespace",
			 name);
	else if (error == ERR_WRONG_KIND)
		tell(out_problem, UAPI_SOCKET_DIRECTORY "/%s is in the way and is no socket; remove it",
			 name);
	else if (error)
		tell(out_problem,
			 "the configuration socket " UAPI_SOCKET_DIRECTORY "/%s could not be opened: %s", name,
			 err_text(error));
	return error;
}

/* They stay open over the net processes that get them: who connects meanwhile waits. */
static enum err open_streams(struct attachment *attachment, char *out_problem) {
	const struct attachment_request *request = &attachment->request;
	for (size_t i = 0; i < request->stream_count; i++) {
		const struct stream_socket_request *wanted = &request->streams[i];
		int number = stream_socket_listen(wanted, &attachment->streams[i]);
		if (number) {
			char at[ENDPOINT_TEXT_SIZE];
			endpoint_format(&wanted->at, at);
			tell(out_problem, "%s %s could not be opened: %s", wanted->datagrams ? "UDP" : "TCP",
				 at, number == EADDRINUSE ? "it is in use" : strerror(number));
			return err_from_errno(number);
		}
		attachment->stream_count++;
	}
	return ERR_OK;
}

static enum err open_link(struct attachment *attachment, char *out_problem) {
	uint32_t mtu = attachment->request.mtu ? attachment->request.mtu : ATTACHMENT_MTU;
	enum err error = link_new(attachment->tun.queues[0], &attachment->link);
	if (!error)
		error = link_configure(attachment->link, mtu, 0);
	if (!error)
		error = link_refresh(attachment->link, &attachment->state);
	if (!error && link_disable_link_local(attachment->link))
		log_debug("%sno IPv6 on the interface", attachment->prefix);
	if (error)
		tell(out_problem, "the interface could not be configured: %s", err_text(error));
	/* At once, which also sets the limit of large packets for the MTU of now. */
	attachment->link_at = 0;
	return error;
}

static void link_readable(void *context, uint32_t events) {
	struct attachment *attachment = context;
	if (link_read(attachment->link) && !attachment->gone)
		privileged_refresh_link(attachment);
}

static void watch_readable(void *context, uint32_t events) {
	struct attachment *attachment = context;
	if (!unix_listener_gone(&attachment->listener) || attachment->gone)
		return;
	log_info("%sthe configuration socket was deleted, ending", attachment->prefix);
	attachment->gone = true;
	attachment->privileged->ops->gone(attachment->privileged, attachment);
}

static enum err add_sources(struct attachment *attachment, char *out_problem) {
	struct loop *loop = attachment->privileged->loop;
	attachment->link_source = (struct loop_source){.ready = link_readable, .context = attachment};
	attachment->watch_source = (struct loop_source){.ready = watch_readable, .context = attachment};
	enum err error =
		loop_add(loop, link_descriptor(attachment->link), EPOLLIN, &attachment->link_source);
	if (!error && attachment->listener.watch >= 0)
		error = loop_add(loop, attachment->listener.watch, EPOLLIN, &attachment->watch_source);
	if (error)
		tell(out_problem, "start: %s", err_text(error));
	return error;
}

static enum err open_all(struct attachment *attachment, char *out_problem) {
	/* Empty: the first net process starts from nothing. */
	attachment->journal = memfd_create("journal", MFD_CLOEXEC);
	if (attachment->journal < 0) {
		enum err error = err_from_errno(errno);
		tell(out_problem, "start: %s", err_text(error));
		return error;
	}
	enum err error = open_streams(attachment, out_problem);
	if (error || attachment->request.shards == 0)
		return error;
	error = open_tun(attachment, out_problem);
	if (!error && attachment->request.uapi)
		error = open_listener(attachment, out_problem);
	if (!error)
		error = open_link(attachment, out_problem);
	if (!error)
		error = add_sources(attachment, out_problem);
	return error;
}

enum err attachment_new(struct privileged *privileged, uint16_t slot,
						const struct attachment_request *request,
						struct attachment **out_attachment,
						char out_problem[static ATTACHMENT_PROBLEM_SIZE]) {
	if (request->stream_count > PROCESS_LISTENERS_MAX) {
		tell(out_problem, "more than %d sockets to listen at", PROCESS_LISTENERS_MAX);
		return ERR_LIMIT;
	}
	if (!tun_name_valid(request->name)) {
		tell(out_problem, "\"%.40s\" is no name of an interface", request->name);
		return ERR_INVALID;
	}
	struct attachment *attachment = calloc(1, sizeof *attachment);
	if (!attachment) {
		tell(out_problem, "%s", err_text(ERR_NO_MEMORY));
		return ERR_NO_MEMORY;
	}
	attachment->privileged = privileged;
	attachment->slot = slot;
	attachment->listener.descriptor = attachment->listener.watch = -1;
	attachment->journal = -1;
	attachment->listen_again = attachment->link_at = attachment->retry_at = CLOCK_NEVER;
	memcpy(attachment->name, request->name, strlen(request->name) + 1);
	attachment->request = *request;
	attachment->request.name = attachment->name;
	if (request->protocol)
		(void)snprintf(attachment->protocol, sizeof attachment->protocol, "%s", request->protocol);
	attachment->request.protocol = attachment->protocol;
	if (!privileged->options.interface)
		(void)snprintf(attachment->prefix, sizeof attachment->prefix, "%s: ", attachment->name);
	enum err error = open_all(attachment, out_problem);
	attachment->request.streams = NULL;
	if (error) {
		attachment_free(attachment);
		return error;
	}
	*out_attachment = attachment;
	return ERR_OK;
}

bool attachment_has_interface(const struct attachment *attachment) {
	return attachment->link != NULL;
}

void attachment_close(struct attachment *attachment) {
	struct loop *loop = attachment->privileged->loop;
	attachment_listen_stop(attachment);
	if (attachment->listener.watch >= 0)
		loop_remove(loop, attachment->listener.watch);
	/* First the file, so that nobody finds a socket that is not served. */
	unix_listener_done(&attachment->listener);
	listen_done(&attachment->sockets);
	if (attachment->link)
		loop_remove(loop, link_descriptor(attachment->link));
	link_free(attachment->link);
	attachment->link = NULL;
	attachment->link_at = CLOCK_NEVER;
	tun_done(&attachment->tun);
	while (attachment->stream_count > 0)
		(void)close(attachment->streams[--attachment->stream_count]);
	if (attachment->journal >= 0)
		(void)close(attachment->journal);
	attachment->journal = -1;
}

void attachment_free(struct attachment *attachment) {
	if (!attachment)
		return;
	struct attachment **place = &attachment->privileged->attachments[attachment->slot];
	attachment_close(attachment);
	if (*place == attachment)
		*place = NULL;
	free(attachment);
}
