use super::*;

#[test]
fn blocks_become_lines() {
    assert_eq!(html_to_text("<div>a</div><div>b</div>c"), "a\nb\nc\n");
    assert_eq!(
        html_to_text("<h1>T</h1>\n\n<p>x  y\n z</p>"),
        "T\n\nx y z\n"
    );
    assert_eq!(html_to_text("<ul><li>a<li>b</ul>c"), "* a\n* b\n\nc\n");
    assert_eq!(
        html_to_text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>"),
        "a b\nc\n"
    );
}

#[test]
fn what_is_not_shown_is_dropped() {
    assert_eq!(
        html_to_text("<head><title>t</title><style>p{}</style></head><body>x<!-- > y -->z"),
        "xz\n"
    );
    assert_eq!(html_to_text("<script>if (a</b) '</p>'</script>x"), "x\n");
    assert_eq!(html_to_text("<style>never closed"), "");
}

#[test]
fn a_head_that_is_never_closed_ends_where_the_text_begins() {
    for html in [
        "<html><head><meta charset=utf-8><p>Hello</p></html>",
        "<head>\n<title>t > u</title>\n<style>p{}</style>\n<!-- c -->\n<link rel=x>\n Hello",
        "<HEAD><SCRIPT>x</SCRIPT><META name=x><DIV>Hello</DIV>",
        "<head><body>Hello",
        "<head></head>Hello",
        "<head>&#72;ello",
    ] {
        assert_eq!(html_to_text(html), "Hello\n", "{html}");
    }
    for html in ["<head>\r\n\t<title>Hello</title> ", "<head><style>Hello"] {
        assert_eq!(html_to_text(html), "", "{html}");
    }
    assert_eq!(html_to_text("<head><hr>"), "----\n");
    assert_eq!(html_to_text("<head>1 < 2"), "1 < 2\n");
}

#[test]
fn what_stands_in_a_template_or_in_a_head_for_readers_without_frames_is_not_shown() {
    for html in [
        "<head><template><p>{{name}}</p></template></head><body>Hi",
        "<head><noframes>No frames here</noframes></head>Hi",
        "<HEAD><NOFRAMES><p>No</NoFrames ><TEMPLATE>No</Template><title>No</title>\n<p>Hi",
        "<body><template id=t><style>p{}</style>{{name}}</template>Hi",
        "<template></template>Hi",
        "Hi<template>{{name}}</template>",
    ] {
        assert_eq!(html_to_text(html), "Hi\n", "{html}");
    }
    // It is all that such a page says to who shows no frames.
    let frames = "<head></head><frameset><frame src=x></frameset><noframes><body>Hi</noframes>";
    assert_eq!(html_to_text(frames), "Hi\n");
}

#[test]
fn a_template_that_is_never_closed_hides_nothing() {
    for html in [
        "<template>Hi",
        "<template><p>Hi</p></templat>",
        "<head><template><p>Hi",
        "<head><noframes><p>Hi",
        "<head><template><title>t</title><template><noframes><p>Hi",
    ] {
        assert_eq!(html_to_text(html), "Hi\n", "{html}");
        assert_eq!(beginning_to_text(html), "", "{html}");
    }
    let many = "<template></p>".repeat(100_000);
    assert_eq!(html_to_text(&many), "");
}

#[test]
fn pre_keeps_its_lines_and_quotes_their_mark() {
    assert_eq!(
        html_to_text("<pre>a\n  b\n\nc</pre>d"),
        "a\n  b\n\nc\n\nd\n"
    );
    assert_eq!(
        html_to_text("x<blockquote>a<br>b</blockquote>y"),
        "x\n\n> a\n> b\n\ny\n"
    );
}

#[test]
fn what_is_only_indented_is_no_quote() {
    let indented = "<blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\">b</blockquote>";
    assert_eq!(html_to_text(&format!("a{indented}c")), "a\n\nb\n\nc\n");
    let inside = format!("<blockquote type=cite>a{indented}c</blockquote>d");
    assert_eq!(html_to_text(&inside), "> a\n\n> b\n\n> c\n\nd\n");
    for quote in [
        "class=gmail_quote style=\"border:none\"",
        "type=\"cite\" style=\"border: none\"",
        "cite=\"mid:x@y\" style=\"border:0\"",
        "style=\"margin:0 0 0 .8ex;border-left:1px solid #ccc;padding-left:1ex\"",
        "style=\"margin:0\"",
        "",
    ] {
        let html = format!("a<blockquote {quote}>b</blockquote>c");
        assert_eq!(html_to_text(&html), "a\n\n> b\n\nc\n", "{quote}");
    }
    assert_eq!(html_to_text("</blockquote>a</blockquote>"), "a\n");
}

#[test]
fn links_tell_where_they_go() {
    assert_eq!(
        html_to_text("<a href=\"https://x.y/\">here</a>"),
        "here <https://x.y/>\n"
    );
    assert_eq!(
        html_to_text("<a href='https://x.y'>https://x.y</a>"),
        "https://x.y\n"
    );
    assert_eq!(html_to_text("<a href=mailto:a@b>a@b</a>"), "a@b\n");
    assert_eq!(html_to_text("<a href='javascript:x'>here</a>"), "here\n");
}

#[test]
fn entities_become_characters() {
    assert_eq!(
        html_to_text("&lt;b&gt; &eacute; &#8364; &#x20ac; &amp;amp; &unknown; & &#xD800; &#0;"),
        "<b> é € € &amp; &unknown; & \u{FFFD} \u{FFFD}\n"
    );
    assert_eq!(
        html_to_text("it&#146;s &#150; &#147;x&#148;&#129;"),
        "it’s – “x”\n"
    );
}

#[test]
fn a_lone_bracket_is_text() {
    assert_eq!(html_to_text("1 < 2 <3"), "1 < 2 <3\n");
    assert_eq!(
        html_to_text("<a title='x > y'>z</a> <b title=\"open>w"),
        "z w\n"
    );
}

#[test]
fn declarations_and_instructions_are_not_shown() {
    assert_eq!(html_to_text("<!DOCTYPE html>x<?php y ?>z"), "xz\n");
}

#[test]
fn a_quote_that_begins_no_value_is_none() {
    assert_eq!(html_to_text("<p it's>x</p><p it's>y"), "x\n\ny\n");
    assert_eq!(html_to_text("<b\">x</b>"), "x\n");
}

#[test]
fn a_value_that_is_open_where_the_text_is_cut_may_be_closed_behind_it() {
    assert_eq!(beginning_to_text("x<b title=\"open>w"), "x\n");
}

#[test]
fn a_no_break_space_is_kept_and_what_takes_no_place_is_not() {
    for (html, text) in [
        ("a&nbsp;&nbsp;b", "a  b\n"),
        ("a &nbsp;b", "a  b\n"),
        ("a<br>&nbsp;b", "a\n b\n"),
        ("a&#9;b", "a b\n"),
        ("so&shy;ft&zwnj;ly", "softly\n"),
        ("<b>a</b>b", "ab\n"),
    ] {
        assert_eq!(html_to_text(html), text, "{html}");
    }
}

#[test]
fn an_image_is_its_alternative_and_a_link_without_text_nothing() {
    assert_eq!(html_to_text("<img src=x alt='A &amp; B'>"), "A & B\n");
    assert_eq!(html_to_text("<a href='https://x.y'></a>z"), "z\n");
}

#[test]
fn what_follows_the_end_of_an_item_or_of_a_head_is_outside() {
    assert_eq!(html_to_text("<li>a</li>b"), "* a\nb\n");
    assert_eq!(html_to_text("<head></head><noframes>Hi</noframes>"), "Hi\n");
}
