#include "host/route_mtu.h"

#include <sys/socket.h>

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include "host/route.h"
#include "host/route_message.h"

struct answer {
	uint32_t interface, mtu;
	bool local;
};

static int read_metric(const struct nlattr *attribute, void *context) {
	struct answer *answer = context;
	if (mnl_attr_get_type(attribute) == RTAX_MTU && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		answer->mtu = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int read_attribute(const struct nlattr *attribute, void *context) {
	struct answer *answer = context;
	uint16_t type = mnl_attr_get_type(attribute);
	if (type == RTA_OIF && mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
		answer->interface = mnl_attr_get_u32(attribute);
	else if (type == RTA_METRICS)
		(void)mnl_attr_parse_nested(attribute, read_metric, answer);
	return MNL_CB_OK;
}

static void read_route(void *context, const struct nlmsghdr *message) {
	struct answer *answer = context;
	const struct rtmsg *body = mnl_nlmsg_get_payload(message);
	if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof *body)
		return;
	answer->local = body->rtm_type == RTN_LOCAL;
	(void)mnl_attr_parse(message, sizeof *body, read_attribute, answer);
}

enum err route_mtu_get(struct route *route, const struct address *to, uint32_t mark,
					   struct route_mtu *out_mtu, int *out_number) {
	_Alignas(NLMSG_ALIGNTO) char buffer[ROUTE_MESSAGE_SIZE] = {0};
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETROUTE;
	struct rtmsg *body = mnl_nlmsg_put_extra_header(request, sizeof *body);
	body->rtm_family = to->family == ADDRESS_V4 ? AF_INET : AF_INET6;
	body->rtm_dst_len = (uint8_t)(8 * address_size(to));
	mnl_attr_put(request, RTA_DST, address_size(to), to->bytes);
	if (mark)
		mnl_attr_put_u32(request, RTA_MARK, mark);
	struct answer answer = {0};
	int number = 0;
	enum err error = route_ask(route, request, read_route, &answer, &number);
	struct route_link link = {.mtu = 0};
	if (!error && number == 0)
		error = route_link_get(route, NULL, answer.interface, &link, &number);
	if (error)
		return error;
	*out_number = number;
	if (number == 0)
		*out_mtu =
			(struct route_mtu){.mtu = answer.mtu ? answer.mtu : link.mtu, .local = answer.local};
	return ERR_OK;
}
