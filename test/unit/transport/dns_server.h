#pragma once

/* A name server on loopback in a thread of its own, over UDP and TCP, that answers by the name. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DNS_MESSAGE_MAX = 4096, DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28 };

struct dns_server {
	int udp, tcp, wake[2];
	uint16_t port;
	pthread_t thread;
	_Atomic unsigned udp_questions, tcp_questions;
	_Atomic bool silent;
};

static inline void dns_must(bool condition) {
	if (!condition)
		abort();
}

struct dns_message {
	uint8_t data[DNS_MESSAGE_MAX];
	size_t size;
	unsigned answers;
};

static inline void dns_put(struct dns_message *message, const void *data, size_t size) {
	dns_must(message->size + size <= sizeof message->data);
	memcpy(message->data + message->size, data, size);
	message->size += size;
}

static inline void dns_put_u16(struct dns_message *message, unsigned value) {
	const uint8_t bytes[] = {(uint8_t)(value >> 8), (uint8_t)value};
	dns_put(message, bytes, sizeof bytes);
}

static inline void dns_put_name(struct dns_message *message, const char *name) {
	while (*name) {
		size_t size = strcspn(name, ".");
		dns_put(message, &(uint8_t){(uint8_t)size}, 1);
		dns_put(message, name, size);
		name += size + (name[size] == '.');
	}
	dns_put(message, "", 1);
}

/* owner NULL: the name asked for. */
static inline void dns_record(struct dns_message *message, const char *owner, unsigned type,
							  unsigned ttl, const void *data, size_t size) {
	if (owner)
		dns_put_name(message, owner);
	else
		dns_put(message, "\xc0\x0c", 2);
	dns_put_u16(message, type);
	dns_put_u16(message, 1);
	dns_put_u16(message, ttl >> 16);
	dns_put_u16(message, ttl);
	dns_put_u16(message, (unsigned)size);
	dns_put(message, data, size);
	message->answers++;
}

static inline void dns_address(struct dns_message *message, const char *owner, unsigned asked,
							   unsigned ttl, const char *text) {
	uint8_t bytes[16];
	unsigned type = strchr(text, ':') ? DNS_AAAA : DNS_A;
	dns_must(inet_pton(type == DNS_A ? AF_INET : AF_INET6, text, bytes) == 1);
	if (type == asked)
		dns_record(message, owner, type, ttl, bytes, type == DNS_A ? 4 : 16);
}

static inline void dns_cname(struct dns_message *message, const char *owner, unsigned ttl,
							 const char *target) {
	struct dns_message name = {.size = 0};
	dns_put_name(&name, target);
	dns_record(message, owner, DNS_CNAME, ttl, name.data, name.size);
}

static inline void dns_many(struct dns_message *message, unsigned type) {
	for (unsigned i = 1; i <= 40; i++) {
		char text[64];
		(void)snprintf(text, sizeof text, "192.0.2.%u", i);
		dns_address(message, NULL, type, 60, text);
		(void)snprintf(text, sizeof text, "2001:db8::%x", i);
		dns_address(message, NULL, type, 60, text);
	}
}

static inline void dns_useless(struct dns_message *message, unsigned type) {
	static const char *const texts[] = {"0.0.0.0", "::",      "224.0.0.1",       "255.255.255.255",
										"ff02::1", "fe80::1", "::ffff:192.0.2.1"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		dns_address(message, NULL, type, 60, texts[i]);
}

/* The flags of the answer, or -1 for none at all. */
static inline int dns_fill(struct dns_message *message, const char *name, unsigned type,
						   bool is_tcp) {
	if (strcasecmp(name, "both.test") == 0) {
		dns_address(message, NULL, type, 300, "192.0.2.1");
		dns_address(message, NULL, type, 200, "192.0.2.2");
		dns_address(message, NULL, type, 200, "192.0.2.1");
		dns_address(message, NULL, type, 100, "2001:db8::1");
	} else if (strcasecmp(name, "v4.test") == 0) {
		dns_address(message, NULL, type, 60, "192.0.2.4");
	} else if (strcasecmp(name, "v6.test") == 0) {
		dns_address(message, NULL, type, 60, "2001:db8::6");
	} else if (strcasecmp(name, "alias.test") == 0) {
		dns_cname(message, NULL, 7, "middle.test");
		dns_cname(message, "middle.test", 500, "end.test");
		dns_address(message, "end.test", type, 500, "192.0.2.9");
	} else if (strcasecmp(name, "loop.test") == 0) {
		dns_cname(message, NULL, 60, "loop.test");
	} else if (strcasecmp(name, "many.test") == 0) {
		dns_many(message, type);
	} else if (strcasecmp(name, "useless.test") == 0) {
		dns_useless(message, type);
	} else if (strcasecmp(name, "large.test") == 0) {
		if (!is_tcp)
			return 0x8380;
		dns_address(message, NULL, type, 60, "192.0.2.10");
	} else if (strcasecmp(name, "half.test") == 0) {
		if (type == DNS_AAAA)
			return -1;
		dns_address(message, NULL, type, 60, "192.0.2.11");
	} else if (strcasecmp(name, "wrong.test") == 0) {
		dns_address(message, "other.test", type, 60, "192.0.2.66");
	} else if (strcasecmp(name, "broken.test") == 0) {
		return 0x8182;
	} else if (strcasecmp(name, "empty.test") != 0) {
		return strncasecmp(name, "silent", 6) == 0 ? -1 : 0x8183;
	}
	return 0x8180;
}

/* Bytes in place of an answer, behind the right number. */
static inline bool dns_garbage(struct dns_message *message, const char *name) {
	if (strncasecmp(name, "garbage", 7) != 0)
		return false;
	unsigned kind = (unsigned)atoi(name + 7);
	message->data[2] = 0x81;
	message->data[3] = 0x80;
	message->data[7] = kind == 1 ? 0xff : 1;
	if (kind == 2) /* a name that points at itself */
		dns_put(message, "\xc0\xff\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04", 14);
	else if (kind == 3) /* a record longer than the message */
		dns_put(message, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\xff\xff\x01", 13);
	else if (kind == 4) /* an address of the wrong size */
		dns_put(message, "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x03\x01\x02\x03", 15);
	else if (kind == 5)
		message->size = 5;
	else if (kind == 6)
		message->data[4] = message->data[5] = 0xff;
	return true;
}

/* False: says nothing. */
static inline bool dns_respond(struct dns_server *server, const uint8_t *data, size_t size,
							   bool is_tcp, struct dns_message *out_message) {
	atomic_fetch_add(is_tcp ? &server->tcp_questions : &server->udp_questions, 1);
	char name[256] = "";
	size_t at = 12, used = 0;
	while (at < size && data[at] > 0 && used + data[at] + 2 < sizeof name) {
		used += (size_t)snprintf(name + used, sizeof name - used, "%s%.*s", used ? "." : "",
								 data[at], (const char *)data + at + 1);
		at += data[at] + 1U;
	}
	if (at + 5 > size || atomic_load(&server->silent))
		return false;
	unsigned type = (unsigned)data[at + 1] << 8 | data[at + 2];
	*out_message = (struct dns_message){.size = 0};
	dns_put(out_message, data, at + 5);
	memset(out_message->data + 6, 0, 6);
	if (dns_garbage(out_message, name))
		return true;
	int flags = dns_fill(out_message, name, type, is_tcp);
	if (flags < 0)
		return false;
	out_message->data[2] = (uint8_t)((unsigned)flags >> 8);
	out_message->data[3] = (uint8_t)flags;
	out_message->data[7] = (uint8_t)out_message->answers;
	return true;
}

static inline void dns_serve_udp(struct dns_server *server) {
	uint8_t data[DNS_MESSAGE_MAX];
	struct sockaddr_in from;
	socklen_t from_size = sizeof from;
	struct dns_message message;
	ssize_t size =
		recvfrom(server->udp, data, sizeof data, 0, (struct sockaddr *)&from, &from_size);
	if (size > 0 && dns_respond(server, data, (size_t)size, false, &message))
		(void)sendto(server->udp, message.data, message.size, 0, (struct sockaddr *)&from,
					 from_size);
}

/* As many questions as come in one connection. */
static inline void dns_serve_tcp(struct dns_server *server) {
	int connection = accept(server->tcp, NULL, NULL);
	uint8_t data[DNS_MESSAGE_MAX], length[2];
	struct dns_message message;
	while (recv(connection, length, 2, MSG_WAITALL) == 2) {
		size_t size = (size_t)length[0] << 8 | length[1];
		if (size > sizeof data || recv(connection, data, size, MSG_WAITALL) != (ssize_t)size ||
			!dns_respond(server, data, size, true, &message))
			break;
		const uint8_t prefix[] = {(uint8_t)(message.size >> 8), (uint8_t)message.size};
		(void)send(connection, prefix, 2, MSG_NOSIGNAL | MSG_MORE);
		(void)send(connection, message.data, message.size, MSG_NOSIGNAL);
	}
	(void)close(connection);
}

static inline void *dns_thread(void *context) {
	struct dns_server *server = context;
	for (;;) {
		struct pollfd polled[] = {{.fd = server->udp, .events = POLLIN},
								  {.fd = server->tcp, .events = POLLIN},
								  {.fd = server->wake[0], .events = POLLIN}};
		(void)poll(polled, 3, -1);
		if (polled[2].revents)
			return NULL;
		if (polled[0].revents)
			dns_serve_udp(server);
		if (polled[1].revents)
			dns_serve_tcp(server);
	}
}
