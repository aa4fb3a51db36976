#include "host/kill_switch.h"

#include <stdio.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "base/cleanup.h"
#include "host/firewall_nft.h"
#include "host/nft_batch.h"

enum err kill_switch_apply(const struct kill_switch_request *request,
						   char out_seal[static KILL_SWITCH_SEAL_SIZE],
						   char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	auto_free char *text = NULL;
	size_t size = 0;
	enum err error = kill_switch_format(request, out_seal, &text, &size);
	if (error) {
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "rules: %s", err_text(error));
		return error;
	}
	return firewall_nft_run(text, size, out_problem);
}

static enum err remove_table(uint8_t family) {
	struct nft_batch batch;
	nft_batch_begin(&batch, NULL);
	struct nlmsghdr *message = nft_batch_add(&batch, NFT_MSG_DELTABLE, 0);
	struct nfgenmsg *body = mnl_nlmsg_get_payload(message);
	body->nfgen_family = family;
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, KILL_SWITCH_TABLE);
	return nft_batch_commit(&batch, NULL);
}

enum err kill_switch_remove(bool *out_existed, char out_problem[static FIREWALL_PROBLEM_SIZE]) {
	/* It blocks nothing: where it cannot be removed nobody misses anything. */
	(void)remove_table(NFPROTO_ARP);
	enum err error = remove_table(NFPROTO_INET);
	bool existed = !error;
	/* No such table; no nftables. */
	if (error == ERR_NOT_FOUND || error == ERR_UNSUPPORTED || error == ERR_INVALID)
		error = ERR_OK;
	if (error)
		(void)snprintf(out_problem, FIREWALL_PROBLEM_SIZE, "table inet %s: %s", KILL_SWITCH_TABLE,
					   err_text(error));
	else
		*out_existed = existed;
	return error;
}
