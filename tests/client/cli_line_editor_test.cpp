// What a terminal sends, and the line that comes of it.
#include "client/cli_line_editor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using client::LineEditor;
using testing::EndsWith;
using testing::HasSubstr;
using Event = LineEditor::Event;

class LineEditorTest : public testing::Test {
 protected:
  LineEditorTest() { editor_.begin("> ", 40); }
  Event type(const std::string& keys) {
    Event last = Event::none;
    for (const char key : keys) last = editor_.key(key);
    return last;
  }
  LineEditor editor_;
};

TEST_F(LineEditorTest, KeysEditTheLine) {
  type("get /b");
  type("\x1b[D");  // left
  type("a/");
  EXPECT_EQ(editor_.text(), "get /a/b");
  type("\x01ls\x0b");  // to the beginning; to the end is erased
  EXPECT_EQ(editor_.text(), "ls");
  type(" one two\x17");  // a word back
  EXPECT_EQ(editor_.text(), "ls one ");
  type("\x7f\x7f");
  EXPECT_EQ(editor_.text(), "ls on");
  type("\x1b[H\x1b[3~\x1b[F!");
  EXPECT_EQ(editor_.text(), "s on!");
  EXPECT_EQ(type("\n"), Event::line);
  EXPECT_EQ(editor_.take(), "s on!");
}

TEST_F(LineEditorTest, CharactersAreNotCutApart) {
  type("/\xc3\xa4\xe2\x82\xac");  // an umlaut and a currency
  type("\x7f");
  EXPECT_EQ(editor_.text(), "/\xc3\xa4");
  type("\x1b[Dx");
  EXPECT_EQ(editor_.text(), "/x\xc3\xa4");
}

TEST_F(LineEditorTest, EarlierLinesComeBack) {
  for (const char* line : {"one", "two", "two"}) {
    type(line);
    editor_.take();
    editor_.begin("> ", 40);
  }
  type("new\x1b[A");
  EXPECT_EQ(editor_.text(), "two");
  type("\x1b[A");
  EXPECT_EQ(editor_.text(), "one");
  type("\x1b[A");
  EXPECT_EQ(editor_.text(), "one");
  type("\x1b[B\x1b[B");
  EXPECT_EQ(editor_.text(), "new");
}

TEST_F(LineEditorTest, WordsAreCompleted) {
  type("get /bro");
  EXPECT_EQ(editor_.word(), "/bro");
  EXPECT_EQ(editor_.before_word(), "get ");
  EXPECT_EQ(editor_.complete({"/brokers", "/admin"}), "");
  EXPECT_EQ(editor_.text(), "get /brokers");
  type("/");
  EXPECT_EQ(editor_.complete({"/brokers/ids", "/brokers/topics"}), "/brokers/ids  /brokers/topics  ");
  EXPECT_EQ(editor_.text(), "get /brokers/");
  EXPECT_EQ(editor_.complete({"/other"}), "");
  EXPECT_EQ(editor_.complete({}), "");
}

TEST_F(LineEditorTest, TheEndAndWhatItDoesNotKnow) {
  EXPECT_EQ(type("\x04"), Event::end);
  type("ab\x1b[D\x04");
  EXPECT_EQ(editor_.text(), "a");
  EXPECT_EQ(type("\x1b[1;5C\x1b[99~\x1bOx\x07\x1b"), Event::none);
  EXPECT_EQ(type("\t"), Event::none);  // it ends the sequence that the escape began
  EXPECT_EQ(editor_.text(), "a");
}

TEST_F(LineEditorTest, ALongLineShowsTheCursor) {
  type(std::string(100, 'x') + "END");
  EXPECT_THAT(editor_.render(), EndsWith("END\x1b[K"));
  EXPECT_LT(editor_.render().size(), 50u);
  type("\x01");
  EXPECT_THAT(editor_.render(), HasSubstr("> xxx"));
}

}  // namespace
}  // namespace holdfast::test
