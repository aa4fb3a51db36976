#include "host/firewall_table.h"

#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>

#include "host/nft_batch.h"

enum err firewall_table_remove(const char *table) {
	struct nft_batch batch;
	nft_batch_begin(&batch, NULL);
	struct nlmsghdr *message = nft_batch_add(&batch, NFT_MSG_DELTABLE, 0);
	mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
	enum err error = nft_batch_commit(&batch, NULL);
	/* No such table; no nftables. */
	return error == ERR_NOT_FOUND || error == ERR_UNSUPPORTED || error == ERR_INVALID ? ERR_OK
																					  : error;
}
