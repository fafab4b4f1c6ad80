"""Files as such: columns, workbooks, checksums, local disks, locks and buckets. Knows nothing of events."""
