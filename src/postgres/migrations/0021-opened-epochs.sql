-- Apply asks with every delivery whether an epoch was opened; the log of cutovers gets an entry with each change and is never pruned.
create index cutover_log_epoch on farshore.cutover_log (epoch, open);
