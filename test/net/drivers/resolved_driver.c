/*
 * Plays systemd-resolved on the bus of DBUS_SYSTEM_BUS_ADDRESS, and has its port 127.0.0.53:53
 * open: every call about a link is a line on standard output, its arguments in the order of
 * org.freedesktop.resolve1(5).
 *
 *   resolved_driver [old]     old: without SetLinkDNSEx, as before systemd 246
 *
 *   ready
 *   SetLinkDNSEx 7 10.0.0.1:0: fd00::1:0:
 *   SetLinkDomains 7 corp.example ~.
 *   SetLinkDefaultRoute 7 yes
 *   RevertLink 7
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <systemd/sd-bus.h>

static void expect(int result, const char *what) {
	if (result >= 0)
		return;
	fprintf(stderr, "resolved_driver: %s: %s\n", what, strerror(-result));
	exit(2);
}

static void print_servers(sd_bus_message *message, bool extended) {
	expect(sd_bus_message_enter_container(message, 'a', extended ? "(iayqs)" : "(iay)"), "servers");
	while (sd_bus_message_enter_container(message, 'r', extended ? "iayqs" : "iay") > 0) {
		char text[INET6_ADDRSTRLEN];
		const void *bytes;
		const char *name;
		int family;
		size_t size;
		uint16_t port;
		expect(sd_bus_message_read(message, "i", &family), "family");
		expect(sd_bus_message_read_array(message, 'y', &bytes, &size), "address");
		if (size != (family == AF_INET ? 4 : 16) || !inet_ntop(family, bytes, text, sizeof text))
			strcpy(text, "wrong");
		printf(" %s", text);
		if (extended) {
			expect(sd_bus_message_read(message, "qs", &port, &name), "port and name");
			printf(":%u:%s", port, name);
		}
		expect(sd_bus_message_exit_container(message), "server");
	}
	expect(sd_bus_message_exit_container(message), "servers");
}

static void print_domains(sd_bus_message *message) {
	const char *name;
	int only;
	expect(sd_bus_message_enter_container(message, 'a', "(sb)"), "domains");
	while (sd_bus_message_read(message, "(sb)", &name, &only) > 0)
		printf(" %s%s", only ? "~" : "", name);
	expect(sd_bus_message_exit_container(message), "domains");
}

static int called(sd_bus_message *message, void *context, sd_bus_error *failure) {
	const char *const *arguments = context;
	const char *method = sd_bus_message_get_member(message);
	bool old = arguments[1] && strcmp(arguments[1], "old") == 0;
	int index, yes;
	if (!sd_bus_message_get_interface(message) ||
		strcmp(sd_bus_message_get_interface(message), "org.freedesktop.resolve1.Manager") != 0)
		return 0;
	if (old && strcmp(method, "SetLinkDNSEx") == 0)
		return sd_bus_error_set(failure, SD_BUS_ERROR_UNKNOWN_METHOD, "no such method");
	expect(sd_bus_message_read(message, "i", &index), method);
	printf("%s %d", method, index);
	if (strncmp(method, "SetLinkDNS", 10) == 0) {
		print_servers(message, strcmp(method, "SetLinkDNSEx") == 0);
	} else if (strcmp(method, "SetLinkDomains") == 0) {
		print_domains(message);
	} else if (strcmp(method, "SetLinkDefaultRoute") == 0) {
		expect(sd_bus_message_read(message, "b", &yes), method);
		printf(" %s", yes ? "yes" : "no");
	}
	printf("\n");
	(void)fflush(stdout);
	return sd_bus_reply_method_return(message, "");
}

static void open_port(void) {
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(53),
		.sin_addr.s_addr = htonl(0x7f000035),
	};
	int port = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (port < 0 || bind(port, (const struct sockaddr *)&address, sizeof address)) {
		perror("resolved_driver: port");
		exit(2);
	}
}

int main(int count, char **arguments) {
	sd_bus *bus = NULL;
	open_port();
	expect(sd_bus_open_system(&bus), "bus");
	expect(sd_bus_add_object(bus, NULL, "/org/freedesktop/resolve1", called, arguments), "object");
	expect(sd_bus_request_name(bus, "org.freedesktop.resolve1", 0), "name");
	printf("ready\n");
	(void)fflush(stdout);
	for (;;) {
		int result = sd_bus_process(bus, NULL);
		expect(result, "process");
		if (result == 0)
			expect(sd_bus_wait(bus, UINT64_MAX), "wait");
	}
}
