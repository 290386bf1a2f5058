"""The centre (全国センター): inbox, index, door and ledger under one roof.

The only importer of the index. `node` takes messages apart; `intake` applies the towns' feeds;
`inquiries` walks through the four steps of the door, by what `searching` finds, `groups` writes and
`answering` sends; `inspection` is how tests of the whole read the index.
"""
