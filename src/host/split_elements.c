#include <endian.h>
#include <stdio.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "host/nft_batch.h"
#include "host/split.h"

#define TABLE "umbra_split"

enum {
	SET_NAME_SIZE = 32,
	ELEMENT_SIZE = 40, /* bytes: a v6 address and its time, with their headers */
	LIST_SIZE = 96,    /* bytes around the elements of a request */
	REQUESTS = 3,      /* of each family */
};

_Static_assert(REQUESTS *(SPLIT_ADD_MAX *ELEMENT_SIZE + 2 * LIST_SIZE) + 256 < NFT_BATCH_SIZE,
			   "all fit into one transaction");

struct addition {
	const struct address *addresses;
	size_t count;
	uint64_t milliseconds;
	char set[SET_NAME_SIZE];
	enum address_family family;
};

static void put_elements(struct nft_batch *batch, const struct addition *addition, uint16_t type,
						 uint16_t flags) {
	struct nlmsghdr *message = nft_batch_add(batch, type, flags);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, addition->set);
	struct nlattr *list = mnl_attr_nest_start(message, NFTA_SET_ELEM_LIST_ELEMENTS);
	for (size_t i = 0; i < addition->count; i++) {
		const struct address *address = &addition->addresses[i];
		if (address->family != addition->family)
			continue;
		struct nlattr *element = mnl_attr_nest_start(message, NFTA_LIST_ELEM);
		struct nlattr *key = mnl_attr_nest_start(message, NFTA_SET_ELEM_KEY);
		mnl_attr_put(message, NFTA_DATA_VALUE, address_size(address), address->bytes);
		mnl_attr_nest_end(message, key);
		if (type == NFT_MSG_NEWSETELEM)
			mnl_attr_put_u64(message, NFTA_SET_ELEM_TIMEOUT, htobe64(addition->milliseconds));
		mnl_attr_nest_end(message, element);
	}
	mnl_attr_nest_end(message, list);
}

/* Not every kernel gives an element that is there another time: it is made, deleted and made. */
static void put_family(struct nft_batch *batch, struct addition *addition, const char *kind,
					   uint16_t slot, enum address_family family) {
	size_t count = 0;
	for (size_t i = 0; i < addition->count; i++)
		count += addition->addresses[i].family == family;
	if (count == 0)
		return;
	addition->family = family;
	(void)snprintf(addition->set, sizeof addition->set, "%s%c_%u", kind,
				   family == ADDRESS_V4 ? '4' : '6', slot);
	put_elements(batch, addition, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
	put_elements(batch, addition, NFT_MSG_DELSETELEM, 0);
	put_elements(batch, addition, NFT_MSG_NEWSETELEM, NLM_F_CREATE);
}

enum err split_add(struct split *split, uint16_t slot, enum split_kind kind,
				   const struct address *addresses, size_t count, uint32_t ttl) {
	if (slot >= SPLIT_SLOTS_MAX || !(split->kinds[slot] & 1 << kind))
		return ERR_NOT_FOUND;
	if (count > SPLIT_ADD_MAX)
		return ERR_LIMIT;
	if (count == 0)
		return ERR_OK;
	uint32_t seconds = ttl < SPLIT_TTL_MIN ? SPLIT_TTL_MIN : ttl;
	if (seconds > SPLIT_TTL_MAX)
		seconds = SPLIT_TTL_MAX;
	struct addition addition = {
		.addresses = addresses, .count = count, .milliseconds = UINT64_C(1000) * seconds};
	const char *name = kind == SPLIT_INCLUDE ? "include" : "exclude";
	struct nft_batch batch;
	nft_batch_begin(&batch, &split->link);
	put_family(&batch, &addition, name, slot, ADDRESS_V4);
	put_family(&batch, &addition, name, slot, ADDRESS_V6);
	return nft_batch_commit(&batch, &split->link);
}
