// Verify checks a log of Jukinet with other people's code alone: the note and tlog packages of
// golang.org/x/mod. It knows the layout of C2SP tlog-tiles and nothing of Jukinet.
//
//	verify log FOLDER VKEY                 everything that the checkpoint covers
//	verify entry VKEY INDEX ENTRY PROOF    a tlog-proof, and the file with the entry
//	verify growth VKEY OLD NEW PROOF       two checkpoints, and hashes in base64, one a line
//
// It prints the size and ends with 0, or says what differs and ends with 1.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
	title  = "c2sp.org/tlog-proof@v1"
)

func main() {
	size, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(size)
}

func run(args []string) (int64, error) {
	switch {
	case len(args) == 3 && args[0] == "log":
		return checkLog(folder(args[1]), args[2])
	case len(args) == 5 && args[0] == "entry":
		return checkEntry(args[1], args[2], args[3], args[4])
	case len(args) == 5 && args[0] == "growth":
		return checkGrowth(args[1], args[2], args[3], args[4])
	}
	return 0, fmt.Errorf("wants log, entry or growth and their arguments; the source has them")
}

// The whole log: the tree from the entries, the tree from the hash tiles, and proofs from both.

func checkLog(log folder, vkey string) (int64, error) {
	tree, err := openCheckpoint(filepath.Join(string(log), "checkpoint"), vkey)
	if err != nil {
		return 0, err
	}
	made, err := rebuilt(log, tree.N)
	if err != nil {
		return 0, err
	}
	if err := compareTiles(log, tree.N, made); err != nil {
		return 0, err
	}
	root, err := treeHash(tree.N, made)
	if err != nil {
		return 0, err
	}
	if root != tree.Hash {
		return 0, fmt.Errorf("checkpoint: signs %v, but the entries make %v", tree.Hash, root)
	}
	return tree.N, proveFromTiles(tree, made, tlog.TileHashReader(tree, log))
}

// rebuilt makes every hash of the tree from the entries.
func rebuilt(log folder, size int64) (hashes, error) {
	var made hashes
	for first := int64(0); first < size; first += width {
		bundle, path, err := log.bundle(first/width, least(width, size-first))
		if err != nil {
			return nil, err
		}
		for place, entry := range bundle {
			more, err := tlog.StoredHashes(first+int64(place), entry, made)
			if err != nil {
				return nil, fmt.Errorf("%s: %v", path, err)
			}
			made = append(made, more...)
		}
	}
	return made, nil
}

// compareTiles compares every hash tile of this size, byte by byte, with what the entries make.
func compareTiles(log folder, size int64, made hashes) error {
	for level := 0; size>>(height*level) > 0; level++ {
		hashesHere := size >> (height * level)
		for first := int64(0); first < hashesHere; first += width {
			tile := tlog.Tile{H: height, L: level, N: first / width, W: int(least(width, hashesHere-first))}
			wanted, err := tlog.ReadTileData(tile, made)
			if err != nil {
				return err
			}
			found, err := log.read(tile)
			if err != nil {
				return err
			}
			if !bytes.Equal(found, wanted) {
				return fmt.Errorf("%s: is not what %s makes", place(tile), below(tile))
			}
		}
	}
	return nil
}

// below says what a tile is made from.
func below(tile tlog.Tile) string {
	if tile.L > 0 {
		return fmt.Sprintf("level %d", tile.L-1)
	}
	tile.L = -1
	return place(tile)
}

// proveFromTiles makes proofs out of the hash tiles, which TileHashReader authenticates on its way,
// and checks them against what the entries have made.
func proveFromTiles(tree tlog.Tree, made hashes, stored tlog.HashReader) error {
	for index := range samples(tree.N) {
		proof, err := tlog.ProveRecord(tree.N, index, stored)
		if err != nil {
			return fmt.Errorf("inclusion of %d: %v", index, err)
		}
		leaf := made[tlog.StoredHashIndex(0, index)]
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
			return fmt.Errorf("inclusion of %d: %v", index, err)
		}
		if err := proveGrowth(tree, index+1, made, stored); err != nil {
			return fmt.Errorf("growth from %d: %v", index+1, err)
		}
	}
	return nil
}

func proveGrowth(tree tlog.Tree, old int64, made hashes, stored tlog.HashReader) error {
	root, err := treeHash(old, made)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveTree(tree.N, old, stored)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old, root)
}

// samples are numbers of entries: the first, the last, those around the ends of tiles, some more.
func samples(size int64) map[int64]bool {
	found := map[int64]bool{}
	add := func(index int64) {
		if 0 <= index && index < size {
			found[index] = true
		}
	}
	for power := int64(1); power <= size; power *= 2 {
		for near := int64(-2); near <= 1; near++ {
			add(power + near)
		}
	}
	for part := int64(0); part <= 50; part++ {
		add((size - 1) / 50 * part)
	}
	add(size - 1)
	return found
}

// Proofs that somebody else has made.

func checkEntry(vkey, index, entryFile, proofFile string) (int64, error) {
	text, err := os.ReadFile(proofFile)
	if err != nil {
		return 0, err
	}
	entry, err := os.ReadFile(entryFile)
	if err != nil {
		return 0, err
	}
	halves := strings.SplitN(string(text), "\n\n", 2)
	lines := strings.Split(halves[0], "\n")
	if len(halves) != 2 || len(lines) < 2 || lines[0] != title {
		return 0, fmt.Errorf("%s: is not a tlog-proof", proofFile)
	}
	if lines[1] != "index "+index {
		return 0, fmt.Errorf("%s: says %q; wanted is index %s", proofFile, lines[1], index)
	}
	number, err := strconv.ParseInt(index, 10, 64)
	if err != nil {
		return 0, err
	}
	proof, err := parseHashes(lines[2:])
	if err != nil {
		return 0, fmt.Errorf("%s: %v", proofFile, err)
	}
	tree, err := openNote([]byte(halves[1]), vkey)
	if err != nil {
		return 0, fmt.Errorf("%s: %v", proofFile, err)
	}
	if err := tlog.CheckRecord(proof, tree.N, tree.Hash, number, tlog.RecordHash(entry)); err != nil {
		return 0, fmt.Errorf("%s: %v", proofFile, err)
	}
	return tree.N, nil
}

func checkGrowth(vkey, oldFile, newFile, proofFile string) (int64, error) {
	old, err := openCheckpoint(oldFile, vkey)
	if err != nil {
		return 0, err
	}
	grown, err := openCheckpoint(newFile, vkey)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(proofFile)
	if err != nil {
		return 0, err
	}
	proof, err := parseHashes(strings.Fields(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s: %v", proofFile, err)
	}
	if err := tlog.CheckTree(proof, grown.N, grown.Hash, old.N, old.Hash); err != nil {
		return 0, fmt.Errorf("%s: %v", proofFile, err)
	}
	return grown.N, nil
}

func parseHashes(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, err
		}
		found = append(found, hash)
	}
	return found, nil
}

// Checkpoints.

func openCheckpoint(path, vkey string) (tlog.Tree, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	tree, err := openNote(text, vkey)
	if err != nil {
		err = fmt.Errorf("%s: %v", path, err)
	}
	return tree, err
}

func openNote(text []byte, vkey string) (tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tlog.Tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("is not a checkpoint of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// treeHash is tlog's, but for the empty tree, for which RFC 6962 has the hash of nothing.
func treeHash(size int64, made hashes) (tlog.Hash, error) {
	if size == 0 {
		return tlog.Hash(sha256.Sum256(nil)), nil
	}
	return tlog.TreeHash(size, made)
}

// hashes are all of a tree, in the order in which tlog numbers them.
type hashes []tlog.Hash

// ReadHashes makes them a tlog.HashReader.
func (made hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		if index >= int64(len(made)) {
			return nil, fmt.Errorf("no hash number %d", index)
		}
		found[at] = made[index]
	}
	return found, nil
}

// folder holds the files of a log. It is a tlog.TileReader.
type folder string

// Height is that of tlog-tiles.
func (log folder) Height() int { return height }

// ReadTiles reads hash tiles.
func (log folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(tiles))
	for at, tile := range tiles {
		content, err := log.read(tile)
		if err != nil {
			return nil, err
		}
		found[at] = content
	}
	return found, nil
}

// SaveTiles keeps nothing.
func (log folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (log folder) read(tile tlog.Tile) ([]byte, error) {
	content, err := os.ReadFile(filepath.Join(string(log), place(tile)))
	if err == nil && len(content) != tile.W*tlog.HashSize {
		err = fmt.Errorf("%s: wants %d hashes, has %d bytes", place(tile), tile.W, len(content))
	}
	return content, err
}

// bundle reads entries, each behind its length in two bytes.
func (log folder) bundle(number, count int64) ([][]byte, string, error) {
	path := place(tlog.Tile{H: height, L: -1, N: number, W: int(count)})
	rest, err := os.ReadFile(filepath.Join(string(log), path))
	if err != nil {
		return nil, path, err
	}
	var found [][]byte
	for len(rest) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(rest))
		if end > len(rest) {
			break
		}
		found = append(found, rest[2:end])
		rest = rest[end:]
	}
	if len(rest) > 0 || int64(len(found)) != count {
		return nil, path, fmt.Errorf("%s: wants %d entries and nothing more", path, count)
	}
	return found, path, nil
}

// place is a tile's path: tlog's own without the height, and another word for the entries.
func place(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

func least(one, other int64) int64 {
	if one < other {
		return one
	}
	return other
}
