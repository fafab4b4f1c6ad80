import{b as g}from"./chunk-CQVKA6D7.js";import{Ea as o,La as m,U as y,b as u,ea as b,g as a,h as v,n as f}from"./chunk-DVZ2JOGS.js";var w=500;function C({day:e,notes:n,reload:i,say:l,close:s}){let[t,d]=u(n.length?null:{day:e,text:""}),[$,c]=u(""),p=r=>r.then(()=>{s(),i()},k=>c(k.message||o("offline"))),D=r=>p(h(r).then(()=>l({text:o("noteSaved",{day:S(r)})}))),N=r=>p(m("DELETE",`notes/${r.id}`).then(()=>l({text:o("noteDeleted"),undo:()=>h({day:r.day,text:r.text}).then(i,()=>l({text:o("offline")}))}))),x=o(t?t.id?"editNote":"addNote":"notes");return a`<${g} key=${x} title=${x} close=${s} isNarrow=${!0}>
${t?a`<${T} draft=${t} save=${D} cancel=${s} />`:a`<${E} notes=${n} edit=${d} remove=${N} add=${()=>d({day:e,text:""})} />`}
${$&&a`<div class="card alert" role="alert"><div>${$}</div></div>`}
<//>`}var S=({day:e})=>y(e,e);function h({id:e,day:n,text:i}){return e?m("PATCH",`notes/${e}`,{day:n,text:i}):m("POST","notes",{site:v,day:n,text:i})}function E({notes:e,edit:n,remove:i,add:l}){let s=(t,d,$,c)=>a`<button
class="iconbtn" aria-label=${o($,{text:t.text})} onClick=${()=>c(t)}><${b} name=${d} /></button>`;return a`<ul class="notes">${e.map(t=>a`<li key=${t.id}>
<p><time datetime=${t.day}>${S(t)}</time>${t.text}</p>
${f("write")&&a`${s(t,"note","edit",n)}${s(t,"trash","deleteNote",i)}`}</li>`)}
</ul>
${f("write")&&a`<div class="dlg-foot"><button class="btn" onClick=${l}><${b} name="plus" />${o("addNote")}
</button></div>`}`}function T({draft:e,save:n,cancel:i}){let[l,s]=u(!1);return a`<form onSubmit=${async d=>{d.preventDefault();let $=new FormData(d.target);s(!0),await n({id:e.id,day:String($.get("day")),text:String($.get("text")).trim()}),s(!1)}}>
<label class="field">${o("date")}<input type="date" name="day" required defaultValue=${e.day} /></label>
<label class="field">${o("noteText")}<input name="text" required pattern=".*\\S.*" maxlength=${w} autocomplete="off"
data-focus defaultValue=${e.text} /></label>
<div class="dlg-foot"><button type="button" class="btn" onClick=${i}>${o("cancel")}</button>
<button class="btn primary" disabled=${l}>${o("save")}</button></div>
</form>`}export{C as default};
